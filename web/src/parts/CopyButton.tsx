import { Button, type ButtonProps } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useState } from 'react';
import { copy } from './copy';

/** A button that copies a text and says that it did. */
export function CopyButton({ text, label, ...more }: { text: () => string; label: string } & ButtonProps) {
  const [done, set] = useState<boolean>();
  return (
    <Button
      variant="default"
      {...more}
      leftSection={done ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
      onClick={() =>
        void copy(text()).then((ok) => {
          set(ok);
          setTimeout(() => set(undefined), 2000);
        })
      }
    >
      <span aria-live="polite">{done === undefined ? label : done ? 'Copied' : 'Not copied: select it by hand'}</span>
    </Button>
  );
}

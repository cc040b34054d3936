import { Button } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useRef, useState } from 'react';
import css from './Copy.module.css';

/** A text to be taken along: shown as it is, and copied by a button. Where the browser does not let pages copy, it is selected. */
export function Copy({ text, label }: { text: string; label: string }) {
  const code = useRef<HTMLElement>(null);
  const [done, setDone] = useState<'copied' | 'selected'>();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone('copied');
    } catch {
      if (code.current) getSelection()?.selectAllChildren(code.current);
      setDone('selected');
    }
    setTimeout(() => setDone(undefined), 2500);
  };
  return (
    <div className={css.box}>
      <code ref={code} className="mono" aria-label={label}>
        {text}
      </code>
      <Button variant="default" onClick={() => void copy()} leftSection={done === 'copied' ? <IconCheck size={15} aria-hidden /> : <IconCopy size={15} stroke={1.6} aria-hidden />} aria-label={`Copy: ${label}`}>
        <span aria-live="polite">{done === 'copied' ? 'Copied' : done === 'selected' ? 'Selected' : 'Copy'}</span>
      </Button>
    </div>
  );
}

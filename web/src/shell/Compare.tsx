import { Button } from '@mantine/core';
import { IconArrowsDiff } from '@tabler/icons-react';
import { useView } from '../state/url';

/** Whether the time before is shown beside. */
export function Compare() {
  const [view, change] = useView();
  return (
    <Button variant={view.compare ? 'light' : 'default'} aria-pressed={view.compare} leftSection={<IconArrowsDiff size={15} stroke={1.6} aria-hidden />} onClick={() => change({ compare: !view.compare })}>
      Compare
    </Button>
  );
}

import '@mantine/dates/styles.css';
import { DatePicker } from '@mantine/dates';
import { useState } from 'react';
import { useSite } from '../api/site';
import { today } from '../state/range';

/** Picks a first and a last day. */
export default function Calendar({ value, onPick }: { value: { from: string; to: string }; onPick: (from: string, to: string) => void }) {
  const { zone, firstDay } = useSite();
  const [picked, setPicked] = useState<[string | null, string | null]>([value.from, value.to]);
  return (
    <DatePicker
      type="range"
      allowSingleDateInRange
      size="sm"
      hideOutsideDates
      ariaLabels={{ previousMonth: 'The month before', nextMonth: 'The month after', previousYear: 'The year before', nextYear: 'The year after', previousDecade: 'The decade before', nextDecade: 'The decade after' }}
      firstDayOfWeek={(firstDay % 7) as 0 | 1 | 2 | 3 | 4 | 5 | 6}
      maxDate={today(zone)}
      defaultDate={value.to}
      value={picked}
      onChange={(v) => {
        setPicked(v);
        if (v[0] && v[1]) onPick(v[0], v[1]);
      }}
    />
  );
}

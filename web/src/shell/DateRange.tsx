import { Button, Popover, Skeleton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconCalendar } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import { useSite } from '../api/site';
import { counted } from '../format/numbers';
import { dayFull, dayShort } from '../format/time';
import { daysOf, defaultRange, presetNames, presets, today, type Range } from '../state/range';
import { isRanged, useView } from '../state/url';
import css from './DateRange.module.css';

const Calendar = lazy(() => import('./Calendar'));

/** How a range is called; with the years, unless it is of this one. */
export function nameOf(r: Range, zone: string): string {
  if ('preset' in r) return presetNames[r.preset];
  if ('last' in r) return `Last ${counted(r.last, 'day')}`;
  const { from, to } = daysOf(r, zone);
  const year = (d: string) => d.slice(0, 4);
  const day = year(from) === year(to) && year(to) === year(today(zone)) ? dayShort : dayFull;
  return from === to ? day(from, zone) : `${day(from, zone)} – ${day(to, zone)}`;
}

/** The range of dates of the view: one of the usual ones, or days of a calendar. `otherwise` is what the page shows when none is chosen, if that is not the default range. */
export function DateRange({ otherwise }: { otherwise?: string }) {
  const { zone } = useSite();
  const [view, change] = useView();
  const [opened, { close, toggle, open }] = useDisclosure(false);
  const pick = (range: Range) => {
    change({ range, ranged: otherwise !== undefined });
    close();
  };
  const none = otherwise !== undefined && !isRanged(view);
  const name = none ? otherwise : nameOf(view.range, zone);
  return (
    <Popover opened={opened} onChange={(o) => (o ? open() : close())} position="bottom-end" trapFocus returnFocus>
      <Popover.Target>
        <Button variant="default" leftSection={<IconCalendar size={15} stroke={1.6} aria-hidden />} onClick={toggle} aria-label={`Range of dates: ${name}`}>
          {name}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p={0}>
        <div className={css.drop}>
          <ul className={css.presets}>
            {otherwise !== undefined && (
              <li>
                <button
                  type="button"
                  aria-current={none || undefined}
                  onClick={() => {
                    change({ range: defaultRange, ranged: false });
                    close();
                  }}
                >
                  {otherwise}
                </button>
              </li>
            )}
            {presets.map((p) => (
              <li key={p}>
                <button type="button" aria-current={!none && 'preset' in view.range && view.range.preset === p ? true : undefined} onClick={() => pick({ preset: p })}>
                  {presetNames[p]}
                </button>
              </li>
            ))}
          </ul>
          <div className={css.calendar}>
            <Suspense fallback={<Skeleton width={250} height={270} />}>
              <Calendar value={daysOf(view.range, zone)} onPick={(from, to) => pick({ from, to })} />
            </Suspense>
            <p>Days are those of {zone}.</p>
          </div>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

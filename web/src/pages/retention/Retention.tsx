import { SegmentedControl } from '@mantine/core';
import { useMemo } from 'react';
import { useScope } from '../../api/report';
import { useSite } from '../../api/site';
import { useRetention } from '../../api/retention';
import * as names from '../../format/names';
import { Answer } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { EventPicker, type Picked } from '../../parts/EventPicker';
import { sentence } from '../../parts/filters';
import { Freshness } from '../../parts/Freshness';
import { AddPanel } from '../../panels/AddPanel';
import type { Offer } from '../../panels/offer';
import { parseFilter } from '../../state/filters';
import { lengthOf } from '../../state/range';
import { isRanged, useChoice, useParam, useView } from '../../state/url';
import { useFault } from '../../state/faults';
import { Heat } from './Heat';
import css from './Retention.module.css';

const periodNames = { day: 'Day', week: 'Week', month: 'Month' };
type Period = keyof typeof periodNames;
const counts: Record<Period, number> = { day: 15, week: 12, month: 12 };
const modes = { first_time: 'First time', recurring: 'Each time' };

/** A length back from now that touches the last n days, as they are shown whole; today alone needs but a moment of it. */
const touching = (n: number) => (n > 1 ? `${n - 1}d` : '1m');

type Behaviour = { type: string; filter: string[] };

/** An event in the address: its type, or JSON where it has filters too. */
function parse(text: string): Behaviour {
  if (!text.startsWith('{')) return { type: text, filter: [] };
  try {
    const o = JSON.parse(text) as { type?: unknown; filter?: unknown };
    return { type: typeof o.type === 'string' ? o.type : '', filter: Array.isArray(o.filter) ? o.filter.filter((f) => typeof f === 'string') : [] };
  } catch {
    return { type: '', filter: [] };
  }
}
/** Whether an event in the address cannot be read. */
function broken(text: string): boolean {
  if (!text.startsWith('{')) return false;
  try {
    const o = JSON.parse(text) as { type?: unknown; filter?: unknown };
    return !(typeof o.type === 'string' && (o.filter === undefined || (Array.isArray(o.filter) && o.filter.every((f) => typeof f === 'string'))));
  } catch {
    return true;
  }
}
const write = (p: Picked): string => (p.filter ? JSON.stringify({ type: p.type, filter: p.filter }) : p.type);

function nameOf(b: Behaviour): string {
  if (!b.type && b.filter.length === 0) return 'Any event';
  const filters = b.filter.flatMap((t) => parseFilter(t) ?? []);
  return [b.type ? names.event(b.type) : 'Any event', ...filters.map((f) => `${names.dim(f.dim).toLowerCase()} ${sentence(f)}`)].join(', ');
}

/** What became of a range: periods are whole, also where it is shorter than one. */
const widened = (n: number, p: Period): string => (n === 1 ? `The range lies within one ${p}, which is shown whole.` : `Each ${p} that the range touches is shown whole.`);

/** Who comes back: a row for each period's people, a column for each period after it. */
export default function Retention() {
  const { zone } = useSite();
  const { filter, segment, from, to } = useScope();
  const [view] = useView();
  const ranged = isRanged(view);
  const [p, setPeriod] = useChoice('period', periodNames, 'week');
  const [m, setMode] = useChoice('mode', modes, 'first_time');
  const [start, setStart] = useParam('start');
  const [back, setBack] = useParam('return');
  useFault(broken(start) && { name: 'start', text: start, instead: 'any event' });
  useFault(broken(back) && { name: 'return', text: back, instead: 'any event' });
  const question = useMemo(() => {
    const ask = (text: string) => {
      const b = parse(text);
      return { ...(b.type && { type: b.type }), ...(b.filter.length > 0 && { filter: b.filter }) };
    };
    return { period: p, periods: counts[p], mode: m, start: ask(start), return: ask(back), ...(ranged && { from, ...(to && { to }) }), ...(filter && { filter }), ...(segment && { segment }) };
  }, [p, m, start, back, filter, segment, ranged, from, to]);
  const retention = useRetention(question);
  const offer = useMemo((): Offer => {
    const { filter: _f, segment: _s, from: _from, to: _to, ...own } = question; // the dialog adds those of the view
    const time = !ranged ? {} : to ? { from, to } : { from: touching(lengthOf(view.range, zone)) }; // a range that ends today goes on with time
    return { title: `Retention by ${p}`, range: false, choices: [{ kind: 'retention', label: 'Retention', question: { ...own, ...time } }] };
  }, [question, p, ranged, view.range, zone, from, to]);
  const open = (retention.data?.cohorts ?? []).some((c) => (c.values ?? []).includes(null));
  return (
    <div className={css.page}>
      <Card>
        <div className={css.controls}>
          <div className={css.control}>
            <span>People who did</span>
            <EventPicker label="Start event" shown={nameOf(parse(start))} goals={false} any="Any event" onPick={(x) => setStart(write(x))} />
          </div>
          <div className={css.control}>
            <span>came back and did</span>
            <EventPicker label="Return event" shown={nameOf(parse(back))} goals={false} any="Any event" onPick={(x) => setBack(write(x))} />
          </div>
          <div className={css.control}>
            <span>By</span>
            <SegmentedControl size="sm" aria-label="Period" value={p} onChange={(v) => setPeriod(v as Period)} data={Object.entries(periodNames).map(([value, label]) => ({ value, label }))} />
          </div>
          <div className={css.control}>
            <span>Counted from</span>
            <SegmentedControl
              size="sm"
              aria-label="Mode"
              value={m}
              onChange={(v) => setMode(v as keyof typeof modes)}
              data={Object.entries(modes).map(([value, label]) => ({ value, label }))}
            />
          </div>
        </div>
      </Card>
      <Card title={m === 'first_time' ? `New people by ${p}, and how many came back` : `People of each ${p}, and how many came back`} aside={<AddPanel offer={offer} />}>
        <Answer query={retention} height={36 * (counts[p] + 2)} empty={(d) => (d.cohorts ?? []).every((c) => c.size === 0) && 'Nobody did this in these periods.'}>
          {(d) => <Heat retention={d} />}
        </Answer>
      </Card>
      {retention.data && (
        <Freshness answer={retention.data} open={open}>
          {open && `Hatched cells are of a ${p} that is not over. `}
          {ranged && `${widened(retention.data.cohorts?.length ?? 0, p)} Coming back is looked for in ${counts[p]} ${p}s from each on, also after the range.`}
        </Freshness>
      )}
    </div>
  );
}

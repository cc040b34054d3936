import { SegmentedControl } from '@mantine/core';
import { useMemo } from 'react';
import { useScope } from '../../api/report';
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
import { useParam } from '../../state/url';
import { Heat } from './Heat';
import css from './Retention.module.css';

const periods = { day: { name: 'Day', count: 15 }, week: { name: 'Week', count: 12 }, month: { name: 'Month', count: 12 } };
type Period = keyof typeof periods;

/** From where on a panel shows as many periods. */
const panelRange: Record<Period, string> = { day: '14d', week: '12w', month: '365d' };

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
const write = (p: Picked): string => (p.filter ? JSON.stringify({ type: p.type, filter: p.filter }) : p.type);

function nameOf(b: Behaviour): string {
  if (!b.type && b.filter.length === 0) return 'Any event';
  const filters = b.filter.flatMap((t) => parseFilter(t) ?? []);
  return [b.type ? names.event(b.type) : 'Any event', ...filters.map((f) => `${names.dim(f.dim).toLowerCase()} ${sentence(f)}`)].join(', ');
}

/** Who comes back: a row for each period's people, a column for each period after it. */
export default function Retention() {
  const { filter, segment } = useScope();
  const [period, setPeriod] = useParam('period', 'week');
  const [mode, setMode] = useParam('mode', 'first_time');
  const [start, setStart] = useParam('start');
  const [back, setBack] = useParam('return');
  const p: Period = period in periods ? (period as Period) : 'week';
  const m = mode === 'recurring' ? 'recurring' : 'first_time';
  const question = useMemo(() => {
    const ask = (text: string) => {
      const b = parse(text);
      return { ...(b.type && { type: b.type }), ...(b.filter.length > 0 && { filter: b.filter }) };
    };
    return { period: p, periods: periods[p].count, mode: m, start: ask(start), return: ask(back), ...(filter && { filter }), ...(segment && { segment }) };
  }, [p, m, start, back, filter, segment]);
  const retention = useRetention(question);
  const offer = useMemo((): Offer => {
    const { filter: _f, segment: _s, ...own } = question; // the dialog adds those of the view
    return { title: `Retention by ${p}`, range: false, choices: [{ kind: 'retention', label: 'Retention', question: { ...own, from: panelRange[p] } }] };
  }, [question, p]);
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
            <SegmentedControl size="sm" aria-label="Period" value={p} onChange={setPeriod} data={Object.entries(periods).map(([value, { name }]) => ({ value, label: name }))} />
          </div>
          <div className={css.control}>
            <span>Counted from</span>
            <SegmentedControl
              size="sm"
              aria-label="Mode"
              value={m}
              onChange={setMode}
              data={[
                { value: 'first_time', label: 'First time' },
                { value: 'recurring', label: 'Each time' },
              ]}
            />
          </div>
        </div>
      </Card>
      <Card title={m === 'first_time' ? `New people by ${p}, and how many came back` : `People of each ${p}, and how many came back`} aside={<AddPanel offer={offer} />}>
        <Answer query={retention} height={36 * (periods[p].count + 2)} empty={(d) => (d.cohorts ?? []).every((c) => c.size === 0) && 'Nobody did this in these periods.'}>
          {(d) => <Heat retention={d} />}
        </Answer>
      </Card>
      {retention.data && (
        <Freshness answer={retention.data} open>
          Hatched cells are of a {p} that is not over.
        </Freshness>
      )}
    </div>
  );
}

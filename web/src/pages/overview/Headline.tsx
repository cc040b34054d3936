import { SegmentedControl } from '@mantine/core';
import { number, useReport, useScope, type Row } from '../../api/report';
import { useSite } from '../../api/site';
import { metric, type Metric } from '../../format/metrics';
import { change, show, signed } from '../../format/numbers';
import { Answer } from '../../parts/Answer';
import { SeriesChart } from '../../parts/SeriesChart';
import { intervals, type Interval } from '../../state/range';
import { useParam, useView } from '../../state/url';
import css from './Headline.module.css';

const tiles = ['visitors', 'sessions', 'pageviews', 'views_per_session', 'bounce_rate', 'session_duration'].map(metric);

const none: Row[] = [];
const headline = { metric: tiles.map((t) => t.id) };

/** The headline numbers of the view. */
export const useTotals = () => useReport({ ...useScope(), ...headline });

/** Six numbers; the chosen one is the series below them. */
export function Headline({ totals }: { totals: ReturnType<typeof useTotals> }) {
  const scope = useScope();
  const scopeBefore = useScope(true);
  const { zone } = useSite();
  const [view] = useView();
  const [chosen, choose] = useParam('metric', 'visitors', true);
  const [interval, setInterval] = useParam('by', '', true);
  const shown = tiles.find((t) => t.id === chosen) ?? tiles[0]!;
  const possible = intervals(view.range, zone);
  const by = possible.includes(interval as Interval) ? interval : possible[0]!;
  const line = { metric: [shown.id], interval: by, totals: false };
  const series = useReport({ ...scope, ...line });
  const totalsBefore = useReport({ ...scopeBefore, ...headline }, view.compare);
  const seriesBefore = useReport({ ...scopeBefore, ...line }, view.compare);
  const before = (q: typeof series) => (view.compare && !q.isPlaceholderData ? (q.data?.data ?? undefined) : undefined);
  const nothing = (r: Row) => (shown.kind === 'count' ? !number(r, shown.id) : number(r, shown.id) === undefined); // a mean may well be 0
  return (
    <section className={css.card} aria-label="Headline numbers">
      <Answer query={totals} height={88}>
        {(d) => (
          <div className={css.tiles}>
            {tiles.map((t) => (
              <Tile key={t.id} metric={t} value={number(d.data?.[0], t.id)} before={number(before(totalsBefore)?.[0], t.id)} compared={view.compare} chosen={t === shown} onChoose={() => choose(t.id)} />
            ))}
          </div>
        )}
      </Answer>
      <div className={css.series}>
        <div className={css.bar}>
          <h2>
            {shown.name} by {by}
          </h2>
          {possible.length > 1 && (
            <SegmentedControl
              aria-label="Interval"
              value={by}
              onChange={(v) => setInterval(v === possible[0] ? '' : v)}
              data={possible.map((p) => ({ value: p, label: p[0]!.toUpperCase() + p.slice(1) }))}
            />
          )}
        </div>
        <Answer query={series} height={280} empty={(d) => (d.data ?? []).every(nothing) && `Nothing happened in this time${view.filters.length > 0 ? ' that these filters let through' : ''}.`}>
          {(d) => <SeriesChart rows={d.data ?? none} before={before(seriesBefore)} metric={shown} interval={by} zone={zone} open={scope.to === undefined} height={280} />}
        </Answer>
      </div>
    </section>
  );
}

function Tile({ metric: m, value, before, compared, chosen, onChoose }: { metric: Metric; value: number | undefined; before: number | undefined; compared: boolean; chosen: boolean; onChoose: () => void }) {
  const share = change(value, before);
  const tone = share === undefined || Math.abs(share) < 0.0005 ? undefined : share > 0 === !m.lower ? 'good' : 'bad';
  return (
    <button type="button" className={css.tile} aria-pressed={chosen} onClick={onChoose} title={`${m.what}: ${show(value, m.kind, true)}`}>
      <span className={css.name}>{m.name}</span>
      <span className={css.value}>{show(value, m.kind)}</span>
      {compared && (
        <span className={css.change} data-tone={tone} title={`${show(before, m.kind, true)} before`}>
          {share === undefined ? `${show(before, m.kind)} before` : `${signed(share)}`}
        </span>
      )}
    </button>
  );
}

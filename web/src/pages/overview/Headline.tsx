import { SegmentedControl, Select } from '@mantine/core';
import { useState } from 'react';
import type { Conversions } from '../../api/conversions';
import { number, text, useReport, useScope, type Row } from '../../api/report';
import { asProblem } from '../../api/problem';
import type { Goal } from '../../api/saved';
import { useSite } from '../../api/site';
import { currenciesOf, othersOf, tooLarge, written, type Money } from '../../format/currencies';
import { metric, showAs, type Metric } from '../../format/metrics';
import { change, signed } from '../../format/numbers';
import { axis } from '../../format/time';
import { Answer, Notice } from '../../parts/Answer';
import { SeriesChart } from '../../parts/SeriesChart';
import { AddPanel } from '../../panels/AddPanel';
import type { Offer } from '../../panels/offer';
import { casesOf, currencyFilter } from '../../state/currency';
import { writeFilter } from '../../state/filters';
import { allIntervals, intervals, type Interval } from '../../state/range';
import { useFault } from '../../state/faults';
import { useParam, useView } from '../../state/url';
import { earned } from './goals';
import { combined } from './combined';
import css from './Headline.module.css';

const tiles = ['visitors', 'sessions', 'pageviews', 'views_per_session', 'bounce_rate', 'session_duration'].map(metric);

const none: Row[] = [];
const headline = { metric: tiles.map((t) => t.id) };
const unmasked = { metric: ['pageviews'] };
export const masked = 'It counts what a mask hides from your role';

/** The headline numbers of the view. `hidden`: what names visitors is masked for the role, so that only page views were asked for. */
export function useTotals(): { totals: ReturnType<typeof useReport>; hidden: boolean } {
  const [hidden, hide] = useState(false);
  const scope = useScope();
  const all = useReport({ ...scope, ...headline }, !hidden);
  const rest = useReport({ ...scope, ...unmasked }, hidden);
  if (!hidden && all.error && asProblem(all.error).masksMetric) hide(true);
  return { totals: hidden ? rest : all, hidden };
}

/** What a series can be of: a metric, or the conversions of a goal. `ask` is what its question has beside the scope. */
type Line = { metric: Metric; title: string; ask: { metric: string[]; goal?: string; filter?: string[] } };

/** A series in the address is named by its metric, or so. */
const goalLine = 'goal:';
export const lineOfGoal = (id: string) => goalLine + id;

/** What came of the goals now (`old`: of the question before) and, when it is compared, in the time before. */
export type Results = { now: Conversions | undefined; old: boolean; before: Conversions | undefined; failed: unknown };

/** The headline numbers, one more where there is money; the chosen one, or the conversions of a goal, is the series below them. */
export function Headline({ totals, hidden, results, goals }: ReturnType<typeof useTotals> & { results: Results; goals: Goal[] | undefined }) {
  const [view] = useView();
  const scope = useScope();
  const scopeBefore = useScope(true);
  const [chosen, choose] = useParam('metric', hidden ? 'pageviews' : 'visitors', true);
  const totalsBefore = useReport({ ...scopeBefore, ...(hidden ? unmasked : headline) }, view.compare);
  const [currencyText, setCurrency] = useParam('currency', '', true);
  const found = results.now ? currenciesOf(results.now.revenue, results.before?.revenue) : []; // that of the time before may come first: money is not nought until then
  const [seen, see] = useState(found);
  const fresh = found.filter((c) => !seen.includes(c));
  if (fresh.length > 0) see([...seen, ...fresh]);
  const currencies = seen.filter((c) => found.includes(c)); // what is shown stays when another currency becomes the largest
  const currency = currencies.find((c) => (c || 'none') === currencyText) ?? currencies[0];
  const revenue: Metric | undefined = currency === undefined ? undefined : { ...metric('revenue'), currency };
  const goal = chosen.startsWith(goalLine) ? goals?.find((g) => g.id === chosen.slice(goalLine.length)) : undefined;
  const line = ((): Line => {
    if (goal) return { metric: { ...metric('conversions'), name: goal.name }, title: `${goal.name}: conversions`, ask: { metric: ['conversions'], goal: goal.id } };
    if (chosen === 'revenue' && revenue) {
      const only = currencyFilter(currency ?? '', currencies);
      return { metric: revenue, title: revenue.name, ask: { metric: ['revenue'], ...(only && { filter: [...(scope.filter ?? []), writeFilter(only)] }) } };
    }
    const m = tiles.find((t) => t.id === chosen && !(hidden && t.id !== 'pageviews')) ?? (hidden ? metric('pageviews') : tiles[0]!);
    return { metric: m, title: m.name, ask: { metric: [m.id] } };
  })();
  useFault(!chosen.startsWith(goalLine) && chosen !== 'revenue' && line.metric.id !== chosen && { name: 'metric', text: chosen, instead: line.title });
  const before = view.compare && !totals.isPlaceholderData && !totalsBefore.isPlaceholderData ? totalsBefore.data?.data?.[0] : undefined;
  const missed: unknown = view.compare ? ((totalsBefore.data === undefined || totalsBefore.isPlaceholderData) && totalsBefore.error) || (!results.before && results.failed) : undefined;
  const note = combined(view.filters);
  const waits = chosen.startsWith(goalLine) && goals === undefined; // not known yet of what the series is
  const gone = chosen.startsWith(goalLine) && goals !== undefined && !goal;
  return (
    <section className={css.card} aria-label="Headline numbers">
      <Answer query={totals} height={88}>
        {(d) => (
          <div className={css.tiles} data-seven={revenue ? true : undefined}>
            {tiles.map((t) => hidden && t.id !== 'pageviews' ? <Hidden key={t.id} metric={t} /> : (
              <Tile key={t.id} metric={t} value={number(d.data?.[0], t.id)} before={before && (number(before, t.id) ?? null)} compared={view.compare} chosen={!goal && t.id === line.metric.id} onChoose={() => choose(t.id)} />
            ))}
            {revenue && (
              <Tile metric={revenue} value={earned(results.now, currency ?? '')} others={othersOf(results.now?.revenue, currency ?? '')} before={results.before && earned(results.before, currency ?? '')} old={results.old} compared={view.compare} chosen={!goal && line.metric.id === 'revenue'} onChoose={() => choose('revenue')} />
            )}
          </div>
        )}
      </Answer>
      {note && <p className={css.note}>{note}</p>}
      {missed ? <Missing error={missed} /> : null}
      {gone ? (
        <Notice title="This goal is gone">Choose one of the numbers above.</Notice>
      ) : waits ? null : (
        <Series key={line.metric.currency} line={line} currencies={line.metric.id === 'revenue' ? currencies : []} currency={currency ?? ''} onCurrency={(c) => setCurrency(c === (currencies[0] || 'none') ? '' : c)} told={Boolean(missed)} />
      )}
    </section>
  );
}

/** The series of a line. Amounts of one currency must not stand for a moment as those of another: it is another series for each. */
function Series({ line, currencies, currency, onCurrency, told }: { line: Line; currencies: string[]; currency: string; onCurrency: (c: string) => void; told: boolean }) {
  const scope = useScope();
  const scopeBefore = useScope(true);
  const { zone } = useSite();
  const [view] = useView();
  const [interval, setInterval] = useParam('by', '', true);
  const possible = intervals(view.range, zone);
  const by = possible.includes(interval as Interval) ? interval : possible[0]!;
  useFault(interval !== '' && !allIntervals.includes(interval) && { name: 'by', text: interval, instead: `by ${by}` }); // one that another range has is no fault
  const m = line.metric;
  const ask = { ...line.ask, interval: by, totals: false };
  const series = useReport({ ...scope, ...ask });
  const seriesBefore = useReport({ ...scopeBefore, ...ask }, view.compare);
  const before = view.compare && !seriesBefore.isPlaceholderData ? (seriesBefore.data?.data ?? undefined) : undefined;
  const nothing = (r: Row) => (m.kind === 'count' || m.kind === 'money' ? !number(r, m.id) : number(r, m.id) === undefined); // a mean may well be 0
  return (
    <div className={css.series}>
      {view.compare && !told && before === undefined && seriesBefore.error ? <Missing error={seriesBefore.error} /> : null}
      <div className={css.bar}>
        <h2>
          {line.title} by {by}
        </h2>
        <div className={css.choices}>
          {currencies.length > 1 && (
            <Select
              aria-label="Currency"
              size="xs"
              w={132}
              allowDeselect={false}
              value={currency || 'none'}
              data={currencies.map((c) => ({ value: c || 'none', label: c || 'No currency' }))}
              onChange={(c) => c && onCurrency(c)}
            />
          )}
          {possible.length > 1 && (
            <SegmentedControl
              aria-label="Interval"
              value={by}
              onChange={(v) => setInterval(v === possible[0] ? '' : v)}
              data={allIntervals.filter((i) => possible.includes(i as Interval)).map((p) => ({ value: p, label: p[0]!.toUpperCase() + p.slice(1) }))}
            />
          )}
          <AddPanel offer={offerOf(line, view.compare)} />
        </div>
      </div>
      {before && before.length > 0 && series.data && (
        <p className={css.legend}>
          <span>{m.name}</span>
          <span data-before>The time before, {axis(text(before[0], 'time'), by, zone)} – {axis(text(before.at(-1), 'time'), by, zone)}</span>
        </p>
      )}
      <Answer query={series} height={280} empty={(d) => (d.data ?? []).every(nothing) && `Nothing happened in this time${view.filters.length > 0 || view.segment ? ' that these filters let through' : ''}.`}>
        {(d) => <SeriesChart rows={d.data ?? none} before={before} metric={m} interval={by} zone={zone} from={d.from} open={scope.to === undefined} height={280} />}
      </Answer>
    </div>
  );
}

/** That there are no numbers of the time before, and why: nothing there is not the same as not known. */
function Missing({ error }: { error: unknown }) {
  const p = asProblem(error);
  return (
    <p className={css.missing} role="status">
      <strong>The time before could not be read.</strong> {p.sentences}
    </p>
  );
}

/** What is drawn on a dashboard: over time, or as a number. */
function offerOf({ metric: m, title, ask }: Line, compare: boolean): Offer {
  const question = { metric: ask.metric, ...(ask.goal && { goal: ask.goal }), ...(m.currency && { filter: [writeFilter({ dim: 'props.currency', not: false, contains: false, values: casesOf(m.currency) })] }), ...(compare && { compare: 'previous' }) };
  return { title, choices: [{ kind: 'line', label: 'Line', question }, { kind: 'tile', label: 'Number', question }] };
}

/** The place of a number that the role may not see. */
const Hidden = ({ metric: m }: { metric: Metric }) => (
  <div className={css.tile} data-hidden title={`${m.what}. ${masked}`}>
    <span className={css.name}>{m.name}</span>
    <span className={css.value}>Hidden</span>
    <span className={css.change}>from your role</span>
  </div>
);

/** A number, beside that of the time before: undefined as long as that is not known, null if there is none. Of money, with the amounts of `others`, the currencies that are not in it. */
function Tile({ metric: m, value, others = [], before, old = false, compared, chosen, onChoose }: { metric: Metric; value: number | null | undefined; others?: Money[]; before: number | null | undefined; old?: boolean; compared: boolean; chosen: boolean; onChoose: () => void }) {
  const share = change(value, before);
  const tone = share === undefined || Math.abs(share) < 0.0005 ? undefined : share > 0 === !m.lower ? 'good' : 'bad';
  return (
    <button type="button" className={css.tile} aria-pressed={chosen} aria-busy={old} data-old={old || undefined} onClick={onChoose} title={`${m.what}${others.length > 0 ? ', each currency for itself' : ''}: ${[value === null ? tooLarge : showAs(m, value, true), ...others.map((o) => written(o, true))].join(', ')}`}>
      <span className={css.name}>{m.name}</span>
      <span className={css.value}>
        {showAs(m, value)}
        {others.length > 0 && (
          <small className={css.others} title={`and ${others.map((o) => written(o, true)).join(', ')}`} aria-label={`and ${others.map((o) => written(o, true)).join(', ')}`}>
            {' '}
            +{others.length}
          </small>
        )}
      </span>
      {compared && (
        <span className={css.change} data-tone={tone} title={before === undefined ? 'The time before is not known yet' : `${showAs(m, before, true)} before`}>
          {before === undefined ? '…' : before === null ? 'none before' : share === undefined ? `${showAs(m, before)} before` : `${signed(share)}`}
        </span>
      )}
    </button>
  );
}

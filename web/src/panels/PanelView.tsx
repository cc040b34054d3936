import { lazy, Suspense, type ReactNode } from 'react';
import type { Column } from '../api/sql';
import type { Money } from '../format/currencies';
import { showAs } from '../format/metrics';
import * as names from '../format/names';
import { listed, number, text, type Row } from '../format/row';
import { change, compact, counted, duration, exact, percent, signed } from '../format/numbers';
import { axis, dayShort } from '../format/time';
import { cell, notFinite, sortOf, wholeValue } from '../format/value';
import { Long } from '../parts/Long';
import { BarList } from '../parts/BarList';
import { Scroll as Cut } from '../parts/Scroll';
import { filtersIn, groupsOf, metricsOf, stepIn, textIn, type Panel } from './panel';
import { untold } from './revenue';
import css from './PanelView.module.css';

const SeriesChart = lazy(() => import('../parts/SeriesChart').then((m) => ({ default: m.SeriesChart })));

/** What the endpoint of a kind answers, as far as panels show it; `money` is the revenue by currency, where the panel shows revenue and it is known. */
export type PanelData = Record<string, unknown> & { money?: Money[] };

/** A panel's answer, in its kind's shape; `height` is what there is. Nothing in it can be picked. */
export function PanelView({ panel, answer, zone, height }: { panel: Panel; answer: PanelData; zone: string; height: number }) {
  const rows = (answer.data as Row[] | null | undefined) ?? [];
  switch (panel.kind) {
    case 'tile':
      return <Tile panel={panel} answer={answer} rows={rows} height={height} />;
    case 'line':
      return <Line panel={panel} answer={answer} rows={rows} zone={zone} height={height} />;
    case 'bar':
      return <Bars panel={panel} rows={rows} />;
    case 'table':
      return <Table panel={panel} rows={rows} zone={zone} without={untold(panel, answer.money) ? 'revenue' : undefined} />;
    case 'funnel':
      return <Funnel panel={panel} answer={answer} />;
    case 'retention':
      return <Retention panel={panel} answer={answer} />;
    case 'sql':
      return <Result answer={answer} height={height} />;
    default:
      return <Empty>This version of the page does not know panels of the kind “{panel.kind}”.</Empty>;
  }
}

const Empty = ({ children }: { children: ReactNode }) => <p className={css.empty}>{children}</p>;

function Nothing({ panel: { question } }: { panel: Panel }) {
  const filtered = filtersIn(question).length > 0 || textIn(question, 'segment') !== '' || textIn(question, 'cohort') !== '';
  return <Empty>Nothing happened in this time{filtered && ' that its filters let through'}.</Empty>;
}

function Tile({ panel, answer, rows, height }: { panel: Panel; answer: PanelData; rows: Row[]; height: number }) {
  const m = metricsOf(panel.question)[0]!;
  const now = number(rows[0], m.id) ?? number(answer.totals as Row, m.id);
  const previous = answer.previous as { data?: Row[] | null; totals?: Row } | undefined;
  const before = previous && (number(previous.data?.[0], m.id) ?? number(previous.totals, m.id));
  const share = change(now, before);
  const tone = share === undefined || Math.abs(share) < 0.0005 ? undefined : share > 0 === !m.lower ? 'good' : 'bad';
  return (
    <div className={css.tile} title={`${m.what}: ${showAs(m, now, true)}`} data-tall={height > 100 || undefined}>
      <span className={css.value} data-number>{showAs(m, now)}</span>
      {previous && (
        <span className={css.change} data-tone={tone}>
          {share === undefined ? '' : `${signed(share)} `}
          <small>{before === undefined ? 'none' : showAs(m, before)} before</small>
        </span>
      )}
    </div>
  );
}

function Line({ panel, answer, rows, zone, height }: { panel: Panel; answer: PanelData; rows: Row[]; zone: string; height: number }) {
  const m = metricsOf(panel.question)[0]!;
  const by = textIn(panel.question, 'interval') || 'day';
  const before = (answer.previous as { data?: Row[] | null } | undefined)?.data ?? undefined;
  if (rows.every((r) => !number(r, m.id))) return <Nothing panel={panel} />;
  return (
    <Suspense fallback={<div style={{ height }} />}>
      <SeriesChart rows={rows} before={before} metric={m} interval={by} zone={zone} from={textIn(answer, 'from')} open={!textIn(panel.question, 'to')} height={height} />
    </Suspense>
  );
}

function Bars({ panel, rows }: { panel: Panel; rows: Row[] }) {
  const m = metricsOf(panel.question)[0]!;
  const dim = groupsOf(panel.question)[0] ?? '';
  const shown = listed(rows, [m]);
  if (shown.length === 0) return <Nothing panel={panel} />;
  const bars = shown.map((r) => {
    const v = text(r, dim);
    return { key: v, label: names.value(dim, v), title: names.raw(dim, v), value: number(r, m.id) ?? 0 };
  });
  return (
    <Scroll label={panel.title || m.name}>
      <div className={`${css.inset} ${css.bars}`}>
        <BarList fit head={names.dim(dim)} unit={m.name} kind={m.kind} bars={bars} />
      </div>
    </Scroll>
  );
}

/** What scrolls within its panel; there it fades, lest what is out of sight looks like the end. */
const Scroll = ({ label, children }: { label: string; children: ReactNode }) => (
  <Cut label={label} className={css.scroll}>
    {children}
  </Cut>
);

/** `without` is a metric that has no number. */
function Table({ panel, rows, zone, without }: { panel: Panel; rows: Row[]; zone: string; without?: string }) {
  const metrics = metricsOf(panel.question);
  const dims = groupsOf(panel.question);
  const by = textIn(panel.question, 'interval');
  const shown = by || dims.length === 0 ? rows : listed(rows, metrics); // an hour without anything is an hour
  if (shown.length === 0) return <Nothing panel={panel} />;
  return (
    <Scroll label={panel.title || 'Table'}>
      <table className={css.table}>
        <thead>
          <tr>
            {by && <th scope="col">Time</th>}
            {dims.map((d) => (
              <th key={d} scope="col">
                {names.dim(d)}
              </th>
            ))}
            {metrics.map((m) => (
              <th key={m.id} scope="col" className="num" title={m.what}>
                {m.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((r) => (
            <tr key={[text(r, 'time'), ...dims.map((d) => text(r, d))].join('\u0000')}>
              {by && <td>{axis(text(r, 'time'), by, zone)}</td>}
              {dims.map((d) => (
                <td key={d}>
                  <Long text={names.value(d, text(r, d))} whole={names.raw(d, text(r, d))} label={names.dim(d)} />
                </td>
              ))}
              {metrics.map((m) => (
                <td key={m.id} className="num">
                  {showAs(m, m.id === without ? undefined : number(r, m.id))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

type Step = { step: number; name: string; count: number; conversion: number; step_conversion: number; median_seconds: number | null };

function Funnel({ panel, answer }: { panel: Panel; answer: PanelData }) {
  const steps = (answer.steps as Step[] | null) ?? [];
  const dim = textIn(panel.question, 'breakdown');
  const groups = (answer.breakdown as { value: string; steps: Step[] | null }[] | null | undefined) ?? [];
  if (steps.length === 0 || steps[0]!.count === 0) return <Empty>Nobody took the first step in this time.</Empty>;
  return (
    <Scroll label="Funnel">
      <ol className={`${css.funnel} ${css.inset}`}>
        {steps.map((s) => (
          <li key={s.step} title={`${counted(s.count, 'person', 'people')}, ${percent(s.conversion)} of the first step`}>
            <span className={css.step}>
              <span className="cut">{stepIn(panel.question, s) || `Step ${s.step}`}</span>
              {s.median_seconds !== null && <small>after {duration(s.median_seconds)}</small>}
            </span>
            <span className={css.track}>
              <i style={{ width: `${100 * s.conversion}%` }} />
            </span>
            <span className="num">
              <b>{compact(s.count)}</b> {percent(s.conversion)}
            </span>
          </li>
        ))}
      </ol>
      {dim && groups.length > 0 && (
        <table className={`${css.table} ${css.groups}`}>
          <thead>
            <tr>
              <th scope="col">{names.dim(dim)}</th>
              <th scope="col" className="num" title="People at the first step">
                People
              </th>
              <th scope="col" className="num" title="Share of them who came to the last step">
                Conversion
              </th>
            </tr>
          </thead>
          <tbody>
            {groups.map((g) => (
              <tr key={g.value}>
                <td>
                  <Long text={names.value(dim, g.value)} whole={names.raw(dim, g.value)} label={names.dim(dim)} />
                </td>
                <td className="num">{compact(g.steps?.[0]?.count)}</td>
                <td className="num">{percent(g.steps?.at(-1)?.conversion)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Scroll>
  );
}

type Cohort = { cohort: string; size: number; values: (number | null)[] | null };

function Retention({ panel, answer }: { panel: Panel; answer: PanelData }) {
  const all = (answer.cohorts as Cohort[] | null) ?? [];
  const cohorts = all.slice(Math.max(0, all.findIndex((c) => c.size > 0))); // from the first that there is
  const average = (answer.average as (number | null)[] | null) ?? [];
  const period = typeof answer.period === 'string' ? answer.period : 'period';
  if (cohorts.every((c) => c.size === 0)) return <Nothing panel={panel} />;
  const cell = (share: number | null, key: string) => (
    <td key={key} className="num" style={share === null ? undefined : { background: `color-mix(in oklab, var(--water) ${Math.round(share * 46)}%, var(--panel))` }} title={share === null ? 'Not over yet' : undefined}>
      {share === null ? '·' : percent(share, 0)}
    </td>
  );
  return (
    <Scroll label="Retention">
      <table className={`${css.table} ${css.cohorts}`}>
        <thead>
          <tr>
            <th scope="col">{period[0]!.toUpperCase() + period.slice(1)}</th>
            <th scope="col" className="num">
              People
            </th>
            {average.map((_, i) => (
              // oxlint-disable-next-line react/no-array-index-key
              <th key={i} scope="col" className="num">
                {i}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr className={css.average}>
            <th scope="row">All</th>
            <td className="num">{compact(cohorts.reduce((n, c) => n + c.size, 0))}</td>
            {average.map((v, i) => cell(v, `a${i}`))}
          </tr>
          {cohorts.map((c) => (
            <tr key={c.cohort}>
              <th scope="row">{period === 'month' ? axis(c.cohort, period, 'UTC') : dayShort(c.cohort, 'UTC')}</th>
              <td className="num">{compact(c.size)}</td>
              {(c.values ?? []).map((v, i) => cell(v === null || c.size === 0 ? null : v / c.size, `${c.cohort}${i}`))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const most = 500;

function Result({ answer, height }: { answer: PanelData; height: number }) {
  const columns = answer.columns as Column[];
  const rows = answer.rows as unknown[][];
  if (rows.length === 0) return <Empty>The statement gives no rows.</Empty>;
  const isNumber = (c: Column) => sortOf(c) === 'number';
  const shown = (v: unknown, c: Column) => (v === null && !notFinite(v, c) ? '–' : cell(v, c));
  const single = (v: unknown, c: Column) => (isNumber(c) && Math.abs(Number(v)) >= 10_000 ? compact(Number(v)) : shown(v, c));
  if (rows.length === 1 && columns.length === 1)
    return (
      <div className={css.tile} title={`${columns[0]!.name}: ${wholeValue(rows[0]![0], columns[0]!) ?? shown(rows[0]![0], columns[0]!)}`} data-tall={height > 100 || undefined}>
        <span className={css.value} data-number>{single(rows[0]![0], columns[0]!)}</span>
      </div>
    );
  return (
    <Scroll label="Result">
      <table className={css.table}>
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c.name} scope="col" className={isNumber(c) ? 'num' : undefined}>
                {c.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, most).map((r, i) => (
            // rows have no ids
            // oxlint-disable-next-line react/no-array-index-key
            <tr key={i}>
              {columns.map((c, j) => (
                <td key={c.name} className={isNumber(c) ? 'num' : undefined}>
                  <Long text={shown(r[j], c)} whole={wholeValue(r[j], c)} label={c.name} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > most && <p className={css.empty}>The first {exact(most)} of {exact(rows.length)} rows.</p>}
    </Scroll>
  );
}

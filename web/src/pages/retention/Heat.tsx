import type { CSSProperties } from 'react';
import type { Retention } from '../../api/retention';
import { useSite } from '../../api/site';
import { compact, counted, exact, percent } from '../../format/numbers';
import { dayShort, interval } from '../../format/time';
import { Scroll } from '../../parts/Scroll';
import css from './Retention.module.css';

const month = (d: string) => new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', month: 'short', year: 'numeric' }).format(new Date(`${d}T00:00:00Z`));

/** The triangle: shares of each cohort's people, the stronger the more. What is not over yet is marked, never zero. */
export function Heat({ retention }: { retention: Retention }) {
  const { zone } = useSite();
  const all = retention.cohorts ?? [];
  const cohorts = all.slice(all.findIndex((c) => c.size > 0)); // before the first of them there was nobody
  const average = retention.average ?? [];
  const width = Math.max(average.length, ...cohorts.map((c) => (c.values ?? []).length));
  const columns = Array.from({ length: width }, (_, i) => i);
  // Who came at all is all of them, mostly: the colours are for those who came back.
  const most = Math.max(...cohorts.flatMap((c) => (c.values ?? []).slice(1).map((v) => (v && c.size ? v / c.size : 0))), 0.0001);
  const strength = (share: number, i: number): CSSProperties => ({ '--share': i === 0 ? 1 : Math.sqrt(Math.min(share / most, 1)) }) as CSSProperties;
  const name = (c: string) => (retention.period === 'month' ? month(c) : dayShort(c, zone));
  return (
    <Scroll label="Shares of people who came back" className={css.scroll}>
      <table className={css.heat}>
        <thead>
          <tr>
            <th scope="col">{retention.period === 'week' ? 'Week of' : retention.period === 'month' ? 'Month' : 'Day'}</th>
            <th scope="col" className="num">People</th>
            {columns.map((i) => (
              <th key={i} scope="col">
                {i}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr className={css.average}>
            <th scope="row">Average</th>
            <td className="num">{compact(cohorts.reduce((n, c) => n + c.size, 0))}</td>
            {columns.map((i) => (
              <td key={i}>{average[i] === null || average[i] === undefined ? <span className={css.none}>–</span> : <span className={css.cell} style={strength(average[i], i)}>{percent(average[i])}</span>}</td>
            ))}
          </tr>
          {cohorts.map((c) => (
            <tr key={c.cohort}>
              <th scope="row" title={interval(c.cohort, retention.period, zone)}>
                {name(c.cohort)}
              </th>
              <td className="num" title={exact(c.size)}>
                {compact(c.size)}
              </td>
              {columns.map((i) => (
                <Cell key={i} cohort={c} at={i} period={retention.period} style={strength} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Cell({ cohort: c, at, period, style }: { cohort: { size: number; values: (number | null)[] | null }; at: number; period: string; style: (share: number, i: number) => CSSProperties }) {
  const v = (c.values ?? [])[at];
  if (v === null || v === undefined) {
    const running = at === (c.values ?? []).indexOf(null);
    return (
      <td data-pending={running ? 'now' : 'later'} title={`${period[0]?.toUpperCase()}${period.slice(1)} ${at} is not over yet`}>
        <span className="hidden">pending</span>
        <span className={css.pending} aria-hidden />
      </td>
    );
  }
  if (c.size === 0)
    return (
      <td>
        <span className={css.none}>–</span>
      </td>
    );
  const share = v / c.size;
  return (
    <td>
      <span className={css.cell} style={style(share, at)} data-zero={v === 0 || undefined} title={`${exact(v)} of ${counted(c.size, 'person', 'people')}`}>
        {percent(share)}
      </span>
    </td>
  );
}

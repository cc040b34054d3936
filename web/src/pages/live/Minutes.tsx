import { useCallback } from 'react';
import type { Live } from '../../api/live';
import { useSite } from '../../api/site';
import { exact } from '../../format/numbers';
import { clock } from '../../format/time';
import { Chart, tooltip, type Colors } from '../../parts/Chart';
import css from './Live.module.css';

type Minute = NonNullable<Live['series']>[number];

/** Events of the last 30 minutes, and how many of them are page views. Minutes of which events may still come have the colour of what is not settled. */
export function Minutes({ series }: { series: Minute[] }) {
  const { zone } = useSite();
  const pages = series.some((m) => m.pageviews !== null);
  const option = useCallback(
    (c: Colors) => {
      const last = series.length - 1;
      const bar = (values: (number | null)[], opacity: number, z: number) => ({
        type: 'bar',
        barGap: '-100%',
        barCategoryGap: '24%',
        z,
        data: values.map((v, i) => ({ value: v, itemStyle: { color: c(series[i]?.settling ? 'buoy' : 'water'), opacity, borderRadius: [2, 2, 0, 0] } })),
      });
      return {
        animation: false, // it is renewed each second
        grid: { left: 4, right: 8, top: 10, bottom: 2, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
        xAxis: {
          type: 'category',
          data: series.map((m) => m.time),
          axisLine: { lineStyle: { color: c('line-strong') } },
          axisTick: { show: false },
          axisLabel: { color: c('ink-3'), fontSize: 12, interval: (i: number) => (last - i) % 10 === 0, formatter: (v: string) => clock(v, zone), margin: 8, alignMaxLabel: 'right' },
        },
        yAxis: { type: 'value', min: 0, minInterval: 1, splitNumber: 2, axisLabel: { color: c('ink-3'), fontSize: 12 }, splitLine: { lineStyle: { color: c('line') } } },
        tooltip: {
          trigger: 'axis',
          ...tooltip(c),
          axisPointer: { type: 'shadow', shadowStyle: { color: c('ink-3'), opacity: 0.08 } },
          formatter: (p: { dataIndex: number }[]) => {
            const m = series[p[0]?.dataIndex ?? 0];
            if (!m) return '';
            const line = (name: string, n: number) =>
              `<div style="display:flex;gap:20px;justify-content:space-between"><span style="color:${c('ink-2')}">${name}</span><b style="font-variant-numeric:tabular-nums">${exact(n)}</b></div>`;
            return `<div style="color:${c('ink-3')}">${clock(m.time, zone)}</div>${line('Events', m.events)}${m.pageviews === null ? '' : line('Page views', m.pageviews)}`;
          },
        },
        series: [bar(series.map((m) => m.events), pages ? 0.3 : 1, 2), ...(pages ? [bar(series.map((m) => m.pageviews), 1, 3)] : [])],
      };
    },
    [series, zone, pages],
  );
  const total = series.reduce((n, m) => n + m.events, 0);
  return (
    <div className={css.minutes}>
      <div className={css.legend} aria-hidden>
        <span>30 minutes, minute by minute</span>
        {total > 0 && pages && (
          <span>
            <i data-of="pages" /> Page views
          </span>
        )}
        {total > 0 && (
          <>
            <span>
              <i data-of="events" /> {pages ? 'Other events' : 'Events'}
            </span>
            <span>
              <i data-of="now" /> Still coming in
            </span>
          </>
        )}
      </div>
      {total === 0 ? (
        <p className={css.none}>No event in the last 30 minutes.</p>
      ) : (
        <Chart option={option} height={132} label={`Events by minute, the last 30 minutes: ${exact(total)} in all, ${exact(series.at(-2)?.events)} in the last whole minute`} />
      )}
    </div>
  );
}

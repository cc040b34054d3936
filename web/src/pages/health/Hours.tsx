import { useCallback, useMemo } from 'react';
import type { Health } from '../../api/health';
import { compact, exact } from '../../format/numbers';
import * as time from '../../format/time';
import { Chart, escaped, tooltip, type Colors } from '../../parts/Chart';
import { buckets, outcomes } from './outcomes';

/** What became of events by hour of arrival, one on top of the other; by day when there are many hours. */
export function Hours({ health, zone }: { health: Health; zone: string }) {
  const { rows, daily } = useMemo(() => buckets(health.hours ?? [], health.from, health.to, zone), [health, zone]);
  const shown = useMemo(() => outcomes.filter((o) => rows.some((r) => r.counts[o.id] > 0)), [rows]);
  const long = daily || rows.length > 30;
  const option = useCallback(
    (c: Colors) => ({
      grid: { left: 4, right: 8, top: 12, bottom: 2, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      xAxis: {
        type: 'category',
        data: rows.map((r) => r.start),
        axisLine: { lineStyle: { color: c('line-strong') } },
        axisTick: { show: false },
        axisLabel: { color: c('ink-3'), fontSize: 12, hideOverlap: true, alignMinLabel: 'left', ...(long && !daily && { interval: (_: number, v: string) => time.clock(v, zone) === '00:00' }), formatter: (v: string) => (long ? time.dayShort(v, zone) : time.clock(v, zone)), margin: 10 },
      },
      yAxis: { type: 'value', min: 0, minInterval: 1, splitNumber: 4, axisLabel: { color: c('ink-3'), fontSize: 12, formatter: (v: number) => compact(v) }, splitLine: { lineStyle: { color: c('line') } } },
      tooltip: {
        trigger: 'axis',
        ...tooltip(c),
        axisPointer: { type: 'shadow', shadowStyle: { color: c('ink'), opacity: 0.05 } },
        formatter: (p: { dataIndex: number }[]) => {
          const r = rows[p[0]?.dataIndex ?? 0];
          if (!r) return '';
          const line = (name: string, n: number, color?: string) =>
            `<div style="display:flex;gap:20px;justify-content:space-between"><span style="color:${c('ink-2')}"><i style="display:inline-block;width:8px;height:8px;border-radius:2px;background:${color ?? 'transparent'};margin-right:6px"></i>${escaped(name)}</span><b style="font-variant-numeric:tabular-nums">${exact(n)}</b></div>`;
          return (
            `<div style="margin-bottom:4px">${escaped(daily ? time.dayLong(r.start, zone) : time.interval(r.start, 'hour', zone))}</div>` +
            line('Received', r.counts.received) +
            shown.map((o) => line(o.name, r.counts[o.id], c(o.color))).join('')
          );
        },
      },
      series: shown.map((o) => ({ type: 'bar', name: o.name, stack: 'all', barCategoryGap: rows.length > 60 ? '10%' : '25%', barMaxWidth: 44, itemStyle: { color: c(o.color) }, data: rows.map((r) => r.counts[o.id]) })),
    }),
    [rows, shown, zone, daily, long],
  );
  const worst = rows.reduce((a, b) => (b.counts.rejected > a.counts.rejected ? b : a), rows[0] ?? { start: health.from, counts: health.totals });
  const label =
    `Events by ${daily ? 'day' : 'hour'} of arrival: ${shown.map((o) => `${exact(health.totals[o.id])} ${o.name.toLowerCase()}`).join(', ')}` +
    (worst.counts.rejected > 0 ? `; the most rejected ${exact(worst.counts.rejected)} (${time.interval(worst.start, 'hour', zone)})` : '');
  return <Chart option={option} height={220} label={label} />;
}

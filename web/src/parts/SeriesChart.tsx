import { useCallback } from 'react';
import { number, text, type Row } from '../format/row';
import { showAs, type Metric } from '../format/metrics';
import { atAxis, counted } from '../format/numbers';
import * as time from '../format/time';
import { Chart, escaped, tooltip, type Colors } from './Chart';

/** The index of the first interval that can still change: marked as settling, or the last one of a range that goes on. */
export function unsettledFrom(rows: Row[], open: boolean): number {
  const i = rows.findIndex((r) => r.settling === true);
  if (i >= 0) return i;
  return open ? rows.length - 1 : rows.length;
}

/** Whether a range begins within its first interval, whose number is of a part of it then. Both are times of the site's zone; that of a day is its date. */
export function beginsWithin(rows: Row[], from: string | undefined): boolean {
  const first = text(rows[0], 'time');
  if (!from || !first) return false;
  return first.length === 10 ? first < from.slice(0, 10) || !from.startsWith('T00:00:00', 10) : Date.parse(first) < Date.parse(from);
}

/** What is drawn: `rows` and the time before are of one metric. `from` is where the range begins. */
export type Series = { rows: Row[]; before?: Row[]; metric: Metric; interval: string; zone: string; from?: string; open: boolean; height: number };

/** The chart of a series, for ECharts. Its axis begins at zero, or below it where a value is. */
export function seriesOption({ rows, before, metric, interval, zone, from, open, height }: Series, c: Colors) {
  const values = rows.map((r) => number(r, metric.id) ?? null);
  const edge = unsettledFrom(rows, open);
  const part = beginsWithin(rows, from);
  const below = [...rows, ...(before ?? [])].some((r) => (number(r, metric.id) ?? 0) < 0);
  const line = { type: 'line', symbol: 'circle', symbolSize: 7, showSymbol: rows.length === 1, lineStyle: { width: 2.25, color: c('water') }, itemStyle: { color: c('water') }, z: 3 };
  return {
    grid: { left: 4, right: 12, top: 16, bottom: 2, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    xAxis: {
      type: 'category',
      boundaryGap: false,
      data: rows.map((r) => text(r, 'time')),
      axisLine: { lineStyle: { color: c('line-strong') } },
      axisTick: { show: false },
      axisLabel: { color: c('ink-3'), fontSize: 12, hideOverlap: true, alignMinLabel: 'left', alignMaxLabel: 'right', formatter: (v: string) => time.axis(v, interval, zone), margin: 10 },
    },
    yAxis: {
      type: 'value',
      ...(!below && { min: 0 }), // refunds are below zero; an axis that is not told otherwise has the zero in it
      minInterval: metric.kind === 'count' ? 1 : 0,
      splitNumber: height < 180 ? 2 : 4,
      axisLabel: { color: c('ink-3'), fontSize: 12, formatter: (v: number) => atAxis(v, metric.kind, metric.currency) },
      splitLine: { lineStyle: { color: c('line') } },
    },
    tooltip: {
      trigger: 'axis',
      ...tooltip(c),
      axisPointer: { lineStyle: { color: c('line-strong') } },
      formatter: (p: { dataIndex: number }[]) => {
        const i = p[0]?.dataIndex ?? 0;
        const entry = (name: string, v: number | undefined, color: string) =>
          `<div style="display:flex;gap:20px;justify-content:space-between"><span style="color:${c('ink-2')}"><i style="display:inline-block;width:8px;height:8px;border-radius:4px;background:${color};margin-right:6px"></i>${escaped(name)}</span><b style="font-variant-numeric:tabular-nums">${showAs(metric, v, true)}</b></div>`;
        const old = before?.[i];
        return (
          entry(time.interval(text(rows[i], 'time'), interval, zone), number(rows[i], metric.id), c('water')) +
          (old ? entry(time.interval(text(old, 'time'), interval, zone), number(old, metric.id), c('before')) : '') +
          (part && i === 0 && from ? `<div style="color:${c('ink-3')};font-size:12px;margin-top:4px">Only from ${time.clock(from, zone)} on</div>` : '') +
          (i >= edge ? `<div style="color:${c('buoy')};font-size:12px;margin-top:4px">Still coming in</div>` : '')
        );
      },
    },
    series: [
      ...(before && before.length > 0
        ? [{ type: 'line', data: rows.map((_, i) => number(before[i], metric.id) ?? null), symbol: 'none', lineStyle: { width: 1.5, type: [4, 4], color: c('before') }, z: 1, silent: true }]
        : []),
      {
        ...line,
        data: values.map((v, i) => (i < edge && !(part && i === 0) ? v : null)),
        areaStyle: { color: c('water'), opacity: 0.09 },
      },
      {
        ...line,
        data: values.map((v, i) => (i >= edge - 1 || (part && i <= 1) ? v : null)),
        lineStyle: { ...line.lineStyle, type: [3, 4] },
        areaStyle: { color: c('water'), opacity: 0.05 },
      },
    ],
  };
}

/**
 * One metric over time, and the same of the time before as a dashed grey line. What can still change is drawn dashed: up to there the numbers are final. So is a
 * first interval of which the range has a part. `open` says that the range ends now.
 */
export function SeriesChart({ rows, before, metric, interval, zone, from, open, height }: Series) {
  const option = useCallback((c: Colors) => seriesOption({ rows, before, metric, interval, zone, from, open, height }, c), [rows, before, metric, interval, zone, from, open, height]);
  const values = rows.map((r) => number(r, metric.id) ?? 0);
  const least = Math.min(...values);
  const extreme = (word: string, v: number) => `, the ${word} ${showAs(metric, v, true)} (${time.interval(text(rows[values.indexOf(v)], 'time'), interval, zone)})`;
  const label = `${metric.name} by ${interval}: ${counted(rows.length, 'value')}${extreme('most', Math.max(...values))}${least < 0 ? extreme('least', least) : ''}`;
  return <Chart option={option} height={height} label={label} />;
}

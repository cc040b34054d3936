import { MultiSelect, SegmentedControl, Select } from '@mantine/core';
import { useCallback, useMemo } from 'react';
import type { Result } from '../../api/sql';
import { atAxis, counted } from '../../format/numbers';
import { Chart, escaped, tooltip, type Colors } from '../../parts/Chart';
import { useParam } from '../../state/url';
import { numeral, sortOf } from '../../format/value';
import { drawn, plotOf, type Plot } from './columns';
import css from './Sql.module.css';

const height = 380;

/** The plot that the address asks for, as far as the result has its columns; else the one that suits it. */
function usePlot(result: Result): [Plot | undefined, { kind: (v: string) => void; x: (v: string) => void; y: (v: string) => void; split: (v: string) => void }] {
  const [kind, setKind] = useParam('plot', '', true);
  const [x, setX] = useParam('x', '', true);
  const [y, setY] = useParam('y', '', true);
  const [split, setSplit] = useParam('split', '', true);
  const plot = useMemo(() => {
    const best = plotOf(result.columns);
    if (!best) return undefined;
    const names = new Set(result.columns.map((c) => c.name));
    const ys = y.split('\u001f').filter((n) => names.has(n));
    return {
      kind: kind === 'line' || kind === 'bar' ? kind : best.kind,
      x: names.has(x) ? x : best.x,
      y: ys.length > 0 ? ys : best.y,
      split: split === '-' ? '' : names.has(split) ? split : names.has(x) || ys.length > 0 ? '' : best.split,
    } satisfies Plot;
  }, [result, kind, x, y, split]);
  return [plot, { kind: setKind, x: setX, y: setY, split: setSplit }];
}

/** A result as lines or bars. The columns are chosen by their types, and can be changed. */
export function ResultChart({ result }: { result: Result }) {
  const [plot, set] = usePlot(result);
  const data = useMemo(() => plot && drawn(plot, result.columns, result.rows), [plot, result]);
  const option = useCallback(
    (c: Colors) => {
      const { axis, series } = data!;
      const bars = plot!.kind === 'bar';
      const rotate = bars && axis.some((a) => a.length > 10) && axis.length > 6;
      return {
        color: [1, 2, 3, 4, 5, 6].map((i) => c(`series-${i}`)),
        grid: { left: 4, right: 12, top: 16, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
        xAxis: {
          type: 'category',
          boundaryGap: bars,
          data: axis,
          axisLine: { lineStyle: { color: c('line-strong') } },
          axisTick: { show: false },
          axisLabel: { color: c('ink-3'), fontSize: 12, hideOverlap: true, rotate: rotate ? 35 : 0, width: rotate ? 120 : undefined, overflow: 'truncate', margin: 10 },
        },
        yAxis: { type: 'value', splitNumber: 4, axisLabel: { color: c('ink-3'), fontSize: 12, formatter: (v: number) => atAxis(v, 'count') }, splitLine: { lineStyle: { color: c('line') } } },
        tooltip: {
          trigger: 'axis',
          ...tooltip(c),
          axisPointer: bars ? { type: 'shadow', shadowStyle: { color: c('water-wash-2'), opacity: 0.6 } } : { lineStyle: { color: c('line-strong') } },
          formatter: (p: { dataIndex: number; color: string; seriesName: string; value: number | null }[]) =>
            `<div style="color:${c('ink-2')};margin-bottom:4px">${escaped(axis[p[0]?.dataIndex ?? 0] ?? '')}</div>` +
            p
              .filter((s) => s.value !== null && s.value !== undefined)
              .map(
                (s) =>
                  `<div style="display:flex;gap:20px;justify-content:space-between"><span><i style="display:inline-block;width:8px;height:8px;border-radius:4px;background:${s.color};margin-right:6px"></i>${escaped(s.seriesName)}</span><b style="font-variant-numeric:tabular-nums">${numeral(s.value!)}</b></div>`,
              )
              .join(''),
        },
        series: series.map((s) => ({
          name: s.name,
          data: s.values,
          ...(bars
            ? { type: 'bar', barMaxWidth: 38, barGap: '12%', itemStyle: { borderRadius: [3, 3, 0, 0] } }
            : { type: 'line', symbol: 'circle', symbolSize: 7, showSymbol: axis.length < 2, connectNulls: false, lineStyle: { width: 2.25 }, ...(series.length === 1 && { areaStyle: { opacity: 0.09 } }) }),
        })),
      };
    },
    [data, plot],
  );
  if (!plot || !data) return <p className={css.none}>There is nothing to draw: a chart needs a column of numbers, and one of times or names beside it.</p>;
  const names = result.columns.map((c) => c.name);
  const numbers = result.columns.filter((c) => sortOf(c) === 'number' && c.name !== plot.x).map((c) => c.name);
  const splits = result.columns.filter((c) => ['text', 'bool'].includes(sortOf(c)) && c.name !== plot.x).map((c) => c.name);
  return (
    <div>
      <div className={css.plot}>
        <SegmentedControl aria-label="Kind of chart" value={plot.kind} onChange={set.kind} data={[{ value: 'line', label: 'Line' }, { value: 'bar', label: 'Bars' }]} />
        <Select size="xs" label="Across" aria-label="Across" data={names} value={plot.x} onChange={(v) => v && set.x(v)} allowDeselect={false} />
        <MultiSelect size="xs" label="Values" aria-label="Values" data={numbers} value={plot.y} onChange={(v) => set.y(v.join('\u001f'))} maxValues={plot.split ? 1 : 6} hidePickedOptions />
        {splits.length > 0 && <Select size="xs" label="One line for each" aria-label="One line for each" data={[{ value: '-', label: 'Nothing' }, ...splits]} value={plot.split || '-'} onChange={(v) => v && set.split(v)} allowDeselect={false} />}
      </div>
      <Chart option={option} height={height} label={`${data.series.map((s) => s.name).join(', ')} by ${plot.x}: ${counted(data.axis.length, 'value')}`} />
      {data.series.length > 1 && (
        <ul className={css.legend}>
          {data.series.map((s, i) => (
            <li key={s.name}>
              <i style={{ background: `var(--series-${i + 1})` }} aria-hidden /> {s.name}
            </li>
          ))}
        </ul>
      )}
      {data.left && <p className={css.hint}>{data.left}</p>}
    </div>
  );
}

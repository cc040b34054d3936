import { useCallback, useMemo } from 'react';
import { useCosts, type Costs, type Span } from '../../api/costs';
import { money } from '../../format/money';
import { counted } from '../../format/numbers';
import { dayLong, dayShort } from '../../format/time';
import { Answer } from '../../parts/Answer';
import { Chart, escaped, tooltip, type Colors } from '../../parts/Chart';
import { daysOf, groupOf, groups, type Group } from './kinds';
import css from './Usage.module.css';

const height = 260;

/** The cost of each day, by kinds of work. */
export function CostChart({ span }: { span: Span }) {
  const costs = useCosts('day,kind', span, 100_000);
  return (
    <div className={css.chart}>
      <h2>Cost by day</h2>
      <Answer query={costs} height={height + 28} empty={(d) => (d.lines ?? []).every((l) => l.amount === 0) && 'Nothing was used in this time.'}>
        {(d) => <Bars costs={d} span={span} />}
      </Answer>
    </div>
  );
}

function Bars({ costs, span }: { costs: Costs; span: Span }) {
  const { from, to } = span;
  const { days, sums, most } = useMemo(() => {
    const days = daysOf({ from, to });
    const at = new Map(days.map((d, i) => [d, i]));
    const sums = new Map<Group, number[]>(groups.map((g) => [g, days.map(() => 0)]));
    for (const l of costs.lines ?? []) {
      const i = at.get((l.hour ?? '').slice(0, 10));
      if (i === undefined || l.currency) continue; // another currency than today's cannot be on the same axis
      sums.get(groupOf(l.kind))![i]! += l.amount;
    }
    const most = Math.max(0, ...days.map((_, i) => [...sums.values()].reduce((n, v) => n + v[i]!, 0)));
    return { days, sums, most };
  }, [costs, from, to]);
  const shown = useMemo(() => groups.filter((g) => sums.get(g)!.some((n) => n > 0)), [sums]);
  const write = useMemo(() => money(costs.currency, most), [costs.currency, most]);
  const option = useCallback(
    (c: Colors) => ({
      grid: { left: 4, right: 8, top: 12, bottom: 2, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      xAxis: {
        type: 'category',
        data: days,
        axisLine: { lineStyle: { color: c('line-strong') } },
        axisTick: { show: false },
        axisLabel: { color: c('ink-3'), fontSize: 12, hideOverlap: true, formatter: (d: string) => dayShort(d, 'UTC'), margin: 10 },
      },
      yAxis: { type: 'value', min: 0, splitNumber: 4, axisLabel: { color: c('ink-3'), fontSize: 12, formatter: (v: number) => (v === 0 ? '0' : money(costs.currency, v)(v).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '')) }, splitLine: { lineStyle: { color: c('line') } } },
      tooltip: {
        trigger: 'axis',
        ...tooltip(c),
        axisPointer: { type: 'shadow', shadowStyle: { color: c('water-wash-2'), opacity: 0.6 } },
        formatter: (p: { dataIndex: number }[]) => {
          const i = p[0]?.dataIndex ?? 0;
          const line = (name: string, n: number, color: string, strong: boolean) =>
            `<div style="display:flex;gap:20px;justify-content:space-between"><span style="color:${c('ink-2')}">${color ? `<i style="display:inline-block;width:8px;height:8px;border-radius:3px;background:${color};margin-right:6px"></i>` : ''}${escaped(name)}</span><span style="font-variant-numeric:tabular-nums;font-weight:${strong ? 600 : 400}">${escaped(write(n))}</span></div>`;
          const all = shown.reduce((n, g) => n + sums.get(g)![i]!, 0);
          return line(dayLong(days[i]!, 'UTC'), all, '', true) + shown.map((g) => line(g, sums.get(g)![i]!, c(colour(g)), false)).join('');
        },
      },
      series: shown.map((g) => ({ type: 'bar', stack: 'cost', name: g, barMaxWidth: 40, data: sums.get(g)!, itemStyle: { color: c(colour(g)) } })),
    }),
    [days, sums, shown, write, costs.currency],
  );
  return (
    <>
      <Chart option={option} height={height} label={`Cost by day: ${counted(days.length, 'day')}, ${write(costs.total.amount)} in all; the most on one day ${write(most)}`} />
      <ul className={css.legend}>
        {shown.map((g) => (
          <li key={g}>
            <i style={{ background: `var(--${colour(g)})` }} aria-hidden /> {g}
          </li>
        ))}
      </ul>
    </>
  );
}

/** A group has the same colour whatever else is shown. */
const colour = (g: Group) => `series-${groups.indexOf(g) + 1}`;

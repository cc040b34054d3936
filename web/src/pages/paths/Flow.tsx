import { useCallback, useMemo } from 'react';
import type { Paths } from '../../api/paths';
import { compact, counted, exact, plural } from '../../format/numbers';
import { Chart, escaped, tooltip, type Colors } from '../../parts/Chart';
import { isPage, nameOf } from './nodes';
import css from './Paths.module.css';

const short = (s: string) => (s.length > 27 ? `${s.slice(0, 13)}…${s.slice(-13)}` : s);

/** Ways as a Sankey: from left to right as time goes. A click on a page makes it the anchor. */
export function Flow({ paths, previous, onPick }: { paths: Paths; previous: boolean; onPick: (path: string) => void }) {
  const nodes = useMemo(() => paths.nodes ?? [], [paths]);
  const links = useMemo(() => paths.links ?? [], [paths]);
  const height = Math.max(380, 38 * Math.max(...[0, 1, 2, 3, 4, 5, 6].map((s) => nodes.filter((n) => n.step === s).length)));
  const option = useCallback(
    (c: Colors) => {
      const byId = new Map(nodes.map((n) => [n.id, n]));
      const depth = Math.max(...nodes.map((n) => n.step), 0);
      const name = (id: string) => {
        const n = byId.get(id);
        return n ? nameOf(n) : id;
      };
      return {
        tooltip: {
          trigger: 'item',
          ...tooltip(c),
          formatter: (p: { dataType: string; name: string; value: number; data: { source: string; target: string } }) =>
            p.dataType === 'edge'
              ? `${escaped(name(p.data.source))} → ${escaped(name(p.data.target))}<br><b>${exact(p.value)}</b> ${plural(p.value, 'person', 'people')}`
              : `${escaped(name(p.name))}<br><b>${exact(byId.get(p.name)?.people)}</b> ${plural(byId.get(p.name)?.people, 'person', 'people')}`,
        },
        series: [
          {
            type: 'sankey',
            left: 4,
            right: previous ? 120 : 170,
            top: 8,
            bottom: 8,
            nodeWidth: 12,
            nodeGap: 14,
            nodeAlign: 'left',
            draggable: false,
            emphasis: { focus: 'adjacency' },
            label: { color: c('ink'), fontSize: 12, formatter: (p: { name: string }) => `{n|${short(name(p.name))}}  {v|${compact(byId.get(p.name)?.people)}}`, rich: { n: { color: c('ink'), fontSize: 12 }, v: { color: c('ink-3'), fontSize: 12 } } },
            lineStyle: { color: c('water'), opacity: 0.2, curveness: 0.5 },
            data: nodes.map((n) => ({
              name: n.id,
              depth: previous ? depth - n.step : n.step,
              itemStyle: { color: n.step === 0 ? c('buoy') : isPage(n) ? c('water') : c('before'), borderWidth: 0 },
            })),
            links: links.map((l) => ({ source: previous ? l.target : l.source, target: previous ? l.source : l.target, value: l.people })),
          },
        ],
      };
    },
    [nodes, links, previous],
  );
  const picked = useCallback(
    (p: { dataType?: string; name: string }) => {
      const n = p.dataType === 'node' ? nodes.find((x) => x.id === p.name) : undefined;
      if (n && isPage(n)) onPick(n.path);
    },
    [nodes, onPick],
  );
  const anchor = nodes.find((n) => n.step === 0);
  const label = `Ways of ${counted(anchor?.people, 'person', 'people')} ${previous ? 'to' : 'from'} ${anchor ? nameOf(anchor) : ''}: ${nodes.length} pages and ends, ${counted(links.length, 'way')} between them. The table below has the numbers.`;
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls can be scrolled from the keyboard
    <div className={css.flow} role="region" aria-label="Ways" tabIndex={0}>
      <div>
        <Chart option={option} height={height} label={label} onPick={picked} />
      </div>
    </div>
  );
}

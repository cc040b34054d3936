import type { EChartsCoreOption } from 'echarts/core';
import type { Paths, PathNode } from '../../api/paths';
import { compact, exact, plural } from '../../format/numbers';
import { escaped, tooltip, type Colors } from '../../parts/Chart';
import { isPage, nameOf } from './nodes';

const short = (s: string, most: number) => (s.length > most ? `${s.slice(0, Math.floor((most - 1) / 2))}…${s.slice(-Math.floor((most - 1) / 2))}` : s);

/** The height in pixels that the picture takes: by its fullest step. */
export const heightOf = (nodes: PathNode[]): number => Math.max(380, 38 * Math.max(...[0, 1, 2, 3, 4, 5, 6].map((s) => nodes.filter((n) => n.step === s).length)));

/** The least width in pixels in which the names of all steps have room beside each other. */
export const leastWidth = (nodes: PathNode[]): number => Math.max(760, 190 + 150 * Math.max(...nodes.map((n) => n.step), 0));

/**
 * The ways as a Sankey. The more steps, the shorter names are cut; of those that would lie over each other still, the larger node's is shown. A name that is
 * not shown is in the tooltip, and comes when its node is pointed at.
 */
export function picture(nodes: PathNode[], links: NonNullable<Paths['links']>, previous: boolean, c: Colors): EChartsCoreOption {
  const byId = new Map(nodes.map((n) => [n.id, n]));
  const depth = Math.max(...nodes.map((n) => n.step), 0);
  const halo = { textBorderColor: c('panel'), textBorderWidth: 3 }; // ways lie behind names
  const most = Math.floor(72 / Math.max(3, depth));
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
        right: 190,
        top: 8,
        bottom: 8,
        nodeWidth: 12,
        nodeGap: 18, // px: a line of a label, so that those of nodes of next to no height lie apart
        nodeAlign: 'left',
        draggable: false,
        emphasis: { focus: 'adjacency' },
        label: {
          color: c('ink'),
          fontSize: 12,
          formatter: (p: { name: string }) => `{n|${short(name(p.name), most)}}  {v|${compact(byId.get(p.name)?.people)}}`,
          rich: { n: { ...halo, color: c('ink'), fontSize: 12, lineHeight: 16 }, v: { ...halo, color: c('ink-3'), fontSize: 12, lineHeight: 16 } },
        },
        labelLayout: { hideOverlap: true },
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
}

import { useCallback, useMemo } from 'react';
import type { Paths } from '../../api/paths';
import { counted } from '../../format/numbers';
import { Chart, type Colors } from '../../parts/Chart';
import { Scroll } from '../../parts/Scroll';
import { isPage, nameOf } from './nodes';
import { heightOf, leastWidth, picture } from './picture';
import css from './Paths.module.css';

/** Ways as a Sankey: from left to right as time goes. A click on a page makes it the anchor. */
export function Flow({ paths, previous, onPick }: { paths: Paths; previous: boolean; onPick: (path: string) => void }) {
  const nodes = useMemo(() => paths.nodes ?? [], [paths]);
  const links = useMemo(() => paths.links ?? [], [paths]);
  const height = heightOf(nodes);
  const option = useCallback((c: Colors) => picture(nodes, links, previous, c), [nodes, links, previous]);
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
    <Scroll label="Ways" className={css.flow}>
      <div style={{ minWidth: leastWidth(nodes) }}>
        <Chart option={option} height={height} label={label} onPick={picked} />
      </div>
    </Scroll>
  );
}

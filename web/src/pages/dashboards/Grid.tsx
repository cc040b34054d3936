import { ActionIcon, Button } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { IconArrowsMove, IconPencil, IconShare2, IconTrash } from '@tabler/icons-react';
import { useState, type KeyboardEvent } from 'react';
import { GridLayout } from 'react-grid-layout';
import 'react-grid-layout/css/styles.css';
import { usePanel, within } from '../../api/dashboards';
import { may, useMe, useSites } from '../../api/session';
import { Answer } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { ErrorBoundary } from '../../parts/ErrorBoundary';
import { Hint, hintHeight } from '../../parts/Hint';
import { unseenIn } from '../../parts/unseen';
import { saysEstimated } from '../../panels/estimated';
import { inOneCurrency, saysCurrencies } from '../../panels/revenue';
import { PanelView } from '../../panels/PanelView';
import { columns, gap, innerHeight, rangeOf, rowHeight, saysFilters } from '../../panels/panel';
import { useToday } from '../../state/today';
import css from './Dashboards.module.css';
import { inOrder, layoutOf, arranged, stepped, type Placed } from './layout';

export type Range = ((zone: string) => { from: string; to?: string }) | undefined;
type Props = { panels: Placed[]; editing: boolean; range: Range; onArrange: (p: Placed[]) => void; onEdit: (p: Placed) => void; onRemove: (p: Placed) => void; onEmbed?: (p: Placed) => void };

const narrow = 720;

/** The panels on a grid; on a narrow window one below the other. While editing they are dragged, or moved and resized by the arrow keys on their handles. */
export function Grid(props: Props) {
  const { panels, editing, onArrange } = props;
  const { width, ref } = useElementSize<HTMLDivElement>();
  const [said, say] = useState('');
  const step = (p: Placed, e: KeyboardEvent) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key] as [number, number] | undefined;
    if (!by) return;
    e.preventDefault();
    const next = stepped(panels, p.id, e.shiftKey ? { w: by[0], h: by[1] } : { x: by[0], y: by[1] });
    const now = next.find((x) => x.id === p.id)!;
    say(`Column ${now.x + 1}, row ${now.y + 1}; ${now.w} wide, ${now.h} tall`);
    onArrange(next);
  };
  const cards = inOrder(panels).map((p) => (
    <div key={p.id} className={css.cell}>
      <PanelCard {...props} panel={p} onStep={(e) => step(p, e)} />
    </div>
  ));
  return (
    <div ref={ref} aria-busy={width === 0 /* nothing is drawn before it is known */}>
      <p className="hidden" aria-live="polite">
        {said}
      </p>
      {width === 0 ? null : width < narrow ? (
        <div className={css.stack}>
          {inOrder(panels).map((p, i) => (
            <div key={p.id} style={{ height: p.h * rowHeight + (p.h - 1) * gap }}>
              {cards[i]}
            </div>
          ))}
        </div>
      ) : (
        <GridLayout
          width={width}
          layout={layoutOf(panels)}
          gridConfig={{ cols: columns, rowHeight, margin: [gap, gap], containerPadding: [0, 0] }}
          dragConfig={{ enabled: editing, handle: '.panel-handle' }}
          resizeConfig={{ enabled: editing, handles: ['se'] }}
          onDragStop={(layout) => onArrange(arranged(panels, layout))}
          onResizeStop={(layout) => onArrange(arranged(panels, layout))}
          className={editing ? css.editing : undefined}
        >
          {cards}
        </GridLayout>
      )}
    </div>
  );
}

function PanelCard({ panel, editing, range, onEdit, onRemove, onEmbed, onStep }: Props & { panel: Placed; onStep: (e: KeyboardEvent) => void }) {
  const sites = useSites(true);
  const site = sites.data?.find((s) => s.site_id === panel.site_id);
  const zone = site?.time_zone ?? 'UTC';
  useToday(zone); // ranges such as today's are other dates when a new day begins
  const name = panel.title || 'Panel';
  const me = useMe();
  const filters = saysFilters(panel.question);
  const about = [(sites.data ?? []).length > 1 && site?.name, !range && rangeOf(panel.question, panel.kind), filters && 'Filtered'];
  const meta = panel.kind === 'sql' ? 'SQL' : about.filter(Boolean).join(' · ');
  return (
    <Card
      className={css.panel}
      title={
        <span className={css.name}>
          {editing && (
            <button type="button" className={`panel-handle ${css.handle}`} aria-label={`Move ${name}: arrow keys move it, with Shift they change its size`} title="Drag, or use the arrow keys; with Shift they change the size" onKeyDown={onStep}>
              <IconArrowsMove size={15} stroke={1.6} aria-hidden />
            </button>
          )}
          <span className="cut" title={panel.title}>
            {panel.title || 'Untitled'}
          </span>
        </span>
      }
      aside={
        editing ? (
          <>
            <ActionIcon variant="subtle" color="gray" aria-label={`Change ${name}`} onClick={() => onEdit(panel)}>
              <IconPencil size={15} stroke={1.6} aria-hidden />
            </ActionIcon>
            <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${name}`} onClick={() => onRemove(panel)}>
              <IconTrash size={15} stroke={1.6} aria-hidden />
            </ActionIcon>
          </>
        ) : (
          <>
            <span className={css.meta} title={filters && panel.kind !== 'sql' ? `${meta}: ${filters}` : meta}>
              {meta}
            </span>
            {onEmbed && panel.kind !== 'sql' && (
              <ActionIcon variant="subtle" color="gray" className={css.embed} aria-label={`Embed ${name}`} title="Embed" onClick={() => onEmbed(panel)}>
                <IconShare2 size={15} stroke={1.6} aria-hidden />
              </ActionIcon>
            )}
          </>
        )
      }
    >
      {panel.kind === 'sql' && !may(me.data, 'analyst') ? (
        <p className={css.gone}>Statements of SQL are for analysts: your role may not run them.</p>
      ) : panel.kind !== 'sql' && sites.data && !site ? (
        <p className={css.gone}>
          The site of this panel is gone, or is not yours. {editing && <Button size="compact-xs" variant="subtle" onClick={() => onRemove(panel)}>Remove the panel</Button>}
        </p>
      ) : (
        <PanelBody panel={panel} zone={zone} range={range?.(zone)} height={innerHeight(panel.h)} />
      )}
    </Card>
  );
}

/** The answer of a panel, in its states. */
export function PanelBody({ panel: saved, zone, range, height }: { panel: Placed | Parameters<typeof usePanel>[0]; zone: string; range?: { from: string; to?: string }; height: number }) {
  const panel = within(saved, range);
  const query = usePanel(panel);
  const currencies = query.data && saysCurrencies(panel, query.data.money);
  const estimated = saysEstimated(query.data);
  const left = height - hintHeight * [unseenIn(query.data).length > 0, currencies, estimated].filter(Boolean).length;
  return (
    <div className={css.body} style={{ height }}>
      <Answer query={query} height={height} zone={zone}>
        {(d) => (
          <>
            {currencies && <Hint text={currencies} label="Currencies" />}
            {estimated && <Hint text={estimated} label="Estimates" />}
            <div style={{ height: left }}>
              <ErrorBoundary reset={`${panel.kind} ${query.dataUpdatedAt} ${JSON.stringify(panel.question)}`}>
                <PanelView panel={inOneCurrency(panel, d.money)} answer={d} zone={zone} height={left} />
              </ErrorBoundary>
            </div>
          </>
        )}
      </Answer>
    </div>
  );
}

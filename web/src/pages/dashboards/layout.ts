import { verticalCompactor, moveElement, type Layout, type LayoutItem } from 'react-grid-layout/core';
import { columns, nextPlace, sizeOf, type Panel } from '../../panels/panel';

/** A panel of a dashboard that is shown or edited: it has an id and a place. */
export type Placed = Panel & { id: string; x: number; y: number; w: number; h: number };

/** The most rows of a panel, which the server allows. */
const tallest = 100;

const clamp = (n: number, least: number, most: number) => Math.min(most, Math.max(least, n));

/** Panels with ids and places that fit the grid; those without a place go to the end, beside the last ones if there is room. */
export function placed(panels: Panel[]): Placed[] {
  return panels.reduce<Placed[]>((done, p, i) => {
    const size = sizeOf(p);
    const w = clamp(p.w || size.w, 1, columns);
    const h = clamp(p.h || size.h, 1, tallest);
    const known = (p.w ?? 0) > 0 && (p.h ?? 0) > 0;
    return [...done, { ...p, id: p.id || `new-${i}`, ...(known ? { w, h, x: clamp(p.x ?? 0, 0, columns - w), y: p.y ?? 0 } : nextPlace(done, { w, h })) }];
  }, []);
}

export const layoutOf = (panels: Placed[]): LayoutItem[] => panels.map((p) => ({ i: p.id, x: p.x, y: p.y, w: p.w, h: p.h, minW: 2, minH: 2, maxH: tallest }));

/** The panels at the places of a layout. */
export function arranged(panels: Placed[], layout: Layout): Placed[] {
  const at = new Map(layout.map((l) => [l.i, l]));
  return panels.map((p) => {
    const l = at.get(p.id);
    return l && (l.x !== p.x || l.y !== p.y || l.w !== p.w || l.h !== p.h) ? { ...p, x: l.x, y: l.y, w: l.w, h: l.h } : p;
  });
}

/** The panels after one was moved or resized by cells; the others make room as when it is dragged. Upwards and downwards it changes places with what is there. */
export function stepped(panels: Placed[], id: string, by: { x?: number; y?: number; w?: number; h?: number }): Placed[] {
  const layout = layoutOf(panels).map((l) => (l.i === id ? { ...l, w: clamp(l.w + (by.w ?? 0), 2, columns - l.x), h: clamp(l.h + (by.h ?? 0), 2, 30) } : l));
  const item = layout.find((l) => l.i === id);
  if (!item) return panels;
  let y = item.y + (by.y ?? 0);
  if (by.y === 1) {
    // What lies below moves up once this one is below its middle: go behind the next one.
    const below = layout.filter((l) => l.i !== id && l.y >= item.y + item.h && l.x < item.x + item.w && item.x < l.x + l.w).toSorted((a, b) => a.y - b.y)[0];
    if (!below) return panels;
    y = below.y + below.h;
  } else if (by.y === -1) {
    const above = layout.filter((l) => l.i !== id && l.y + l.h <= item.y && l.x < item.x + item.w && item.x < l.x + l.w).toSorted((a, b) => b.y - a.y)[0];
    if (!above) return panels;
    y = above.y;
  }
  const moved = moveElement(layout, item, clamp(item.x + (by.x ?? 0), 0, columns - item.w), Math.max(0, y), true, false, 'vertical', columns);
  return arranged(panels, verticalCompactor.compact(moved, columns));
}

/** The panels in the order in which they are read. */
export const inOrder = (panels: Placed[]): Placed[] => panels.toSorted((a, b) => a.y - b.y || a.x - b.x);

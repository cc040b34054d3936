// Panels of saved dashboards: what they ask, and how that is read. Nothing here needs a session: the page of embeds uses it as well.
import { metric, type Metric } from '../format/metrics';
import * as names from '../format/names';
import { counted } from '../format/numbers';
import { dayFull } from '../format/time';
import { nameOfStep } from '../pages/funnels/names';
import { sentence } from '../parts/filters';
import { currencyOf } from '../state/currency';
import { parseFilter } from '../state/filters';

export const kinds = ['tile', 'line', 'bar', 'table', 'funnel', 'retention', 'sql'] as const;
export type Kind = (typeof kinds)[number];
export const kindNames: Record<Kind, string> = { tile: 'Number', line: 'Line', bar: 'Bars', table: 'Table', funnel: 'Funnel', retention: 'Retention', sql: 'SQL' };

/** A panel as weir keeps it. `question` is what the endpoint of its kind takes. */
export type Panel = { id?: string; title?: string; kind: string; site_id?: string; question: Record<string, unknown>; x?: number; y?: number; w?: number; h?: number };

export const isKind = (k: string): k is Kind => (kinds as readonly string[]).includes(k);

const list = (v: unknown): string[] => (typeof v === 'string' ? v.split(',').map((s) => s.trim()) : Array.isArray(v) ? v.filter((x): x is string => typeof x === 'string') : []);

/** The metrics of a question of reports; page views if it names none, as weir does. Revenue has the currency that the filters leave. */
export function metricsOf(q: Record<string, unknown>): Metric[] {
  const currency = currencyOf(filtersIn(q).flatMap((t) => parseFilter(t) ?? []));
  return (list(q.metric).length > 0 ? list(q.metric) : ['pageviews']).map((id) => (id === 'revenue' && currency ? { ...metric(id), currency } : metric(id)));
}
export const groupsOf = (q: Record<string, unknown>): string[] => list(q.group_by);
export const textIn = (q: Record<string, unknown>, name: string): string => (typeof q[name] === 'string' ? (q[name] as string) : '');
export const filtersIn = (q: Record<string, unknown>): string[] => (typeof q.filter === 'string' ? [q.filter] : list(q.filter));

/** What a step of a funnel is called: as the question has named it, else as the page of funnels would. Goals, and steps in any order, only the server can name. */
export function stepIn(q: Record<string, unknown>, answered: { step: number; name: string }): string {
  const step: unknown = Array.isArray(q.steps) && textIn(q, 'order') !== 'any' ? q.steps[answered.step - 1] : undefined;
  if (typeof step !== 'object' || step === null) return answered.name;
  const s = step as Record<string, unknown>;
  return textIn(s, 'name') || textIn(s, 'goal') ? answered.name : nameOfStep({ type: textIn(s, 'type'), filter: filtersIn(s) }, undefined) || answered.name;
}

/** The lengths of time that panels are offered: whole days of the site with today as the last, as ranges are everywhere, and 24 hours back from now. */
export const lengths: { value: string; label: string }[] = [
  { value: 'today', label: 'Today' },
  { value: '24h', label: 'Last 24 hours' },
  { value: 'today-6d', label: 'Last 7 days' },
  { value: 'today-29d', label: 'Last 30 days' },
  { value: 'today-89d', label: 'Last 90 days' },
  { value: 'today-364d', label: 'Last 365 days' },
];

const units = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' };

/** A day as it is read elsewhere; what is none stays as it is. */
const dayOf = (t: string): string => (/^\d{4}-\d\d-\d\d$/.test(t) && !Number.isNaN(Date.parse(t)) ? dayFull(t, 'UTC') : t);

/** The range of a question in words. Retention shows each day whole that its range touches, and without a range the last periods. */
export function rangeOf(q: Record<string, unknown>, kind?: string): string {
  const to = textIn(q, 'to');
  if (kind === 'retention' && !to) {
    if (!textIn(q, 'from')) return `Last ${counted(typeof q.periods === 'number' ? q.periods : 12, textIn(q, 'period') || 'week')}`;
    const days = /^(\d+)d$/.exec(textIn(q, 'from'));
    if (days) return `Last ${counted(Number(days[1]) + 1, 'day')}`;
    if (textIn(q, 'from') === '1m') return 'Today';
  }
  const from = textIn(q, 'from') || '7d';
  const known = lengths.find((l) => l.value === from);
  if (known && !to) return known.label;
  const length = /^(\d+)([smhdw])$/.exec(from);
  if (length && !to && length[2] === 'd') return `${counted(Number(length[1]), 'day')} back from now`; // no whole days
  if (length) return to ? `${from} before ${to}` : `Last ${counted(Number(length[1]), units[length[2] as keyof typeof units])}`;
  const days = /^today-(\d+)d$/.exec(from);
  if (days && !to) return `Last ${counted(Number(days[1]) + 1, 'day')}`;
  return to ? `${dayOf(from)} to ${dayOf(to)}` : `Since ${dayOf(from)}`;
}

/** What the filters and the segment of a question say, in words; empty if there are none. */
export function saysFilters(q: Record<string, unknown>): string {
  const said = filtersIn(q).map((t) => {
    const f = parseFilter(t);
    if (!f) return t;
    return f.dim === 'cohort' ? `${f.not ? 'not ' : ''}of a cohort` : `${names.dim(f.dim)} ${sentence(f)}`;
  });
  return [...said, ...(q.segment !== undefined ? ['of a segment'] : [])].join(', ');
}

/** The interval that makes a readable line of a length of time. */
export function intervalFor(from: string): string {
  if (from === 'today' || from === '24h') return 'hour';
  const days = Number(/^(?:today-)?(\d+)d$/.exec(from)?.[1] ?? 0);
  return days < 120 ? 'day' : days < 800 ? 'week' : 'month';
}

/** The size that a kind of panel has at first, in cells of a grid of 12 columns. */
export const sizes: Record<Kind, { w: number; h: number }> = {
  tile: { w: 3, h: 2 },
  line: { w: 6, h: 6 },
  bar: { w: 4, h: 6 },
  table: { w: 6, h: 6 },
  funnel: { w: 6, h: 6 },
  retention: { w: 12, h: 6 },
  sql: { w: 6, h: 6 },
};
export const columns = 12;

/** The size that a panel has at first: a funnel is as tall as its steps, and the values that it is broken down by, up to what others are. */
export function sizeOf(p: Panel): { w: number; h: number } {
  const size = sizes[isKind(p.kind) ? p.kind : 'line'];
  if (p.kind !== 'funnel' || !Array.isArray(p.question.steps) || textIn(p.question, 'breakdown')) return size;
  let h = 3;
  while (h < size.h && innerHeight(h) < 8 + 50 * p.question.steps.length) h++;
  return { ...size, h };
}

type Place = { x: number; y: number; w: number; h: number };

/** The place of one more panel: beside those of the last row, if there is room, else below everything. It is as tall as its row where that differs by a row, and takes what would be too narrow for another. */
export function nextPlace(panels: Panel[], size: { w: number; h: number }): Place {
  const at = panels.map((p) => ({ x: p.x ?? 0, y: p.y ?? 0, w: p.w ?? 0, h: p.h ?? 0 }));
  const bottom = Math.max(0, ...at.map((p) => p.y + p.h));
  const free = (x: number, y: number) => at.every((p) => x >= p.x + p.w || p.x >= x + size.w || y >= p.y + p.h); // none begins below y
  for (let y = Math.max(0, ...at.map((p) => p.y)); y < bottom; y++) {
    for (let x = 0; x + size.w <= columns; x++) {
      if (!free(x, y)) continue;
      const end = Math.min(columns, ...at.filter((p) => p.x >= x + size.w && p.y + p.h > y).map((p) => p.x));
      return { x, y, w: end - x - size.w < narrowest ? end - x : size.w, h: Math.abs(bottom - y - size.h) <= 1 ? bottom - y : size.h };
    }
  }
  return { x: 0, y: bottom, ...size };
}
const narrowest = 3; // columns of a panel
export const rowHeight = 56;
export const gap = 16;

/** The height in pixels of what is inside a panel of h rows. */
export const innerHeight = (h: number): number => h * rowHeight + (h - 1) * gap - 46 - 34;

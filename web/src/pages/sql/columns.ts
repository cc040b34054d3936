import type { Column } from '../../api/sql';
import { exact } from '../../format/numbers';
import { cell, sortOf, type Sort } from '../../format/value';

/** A type as a reader says it: `String?` for one that may be NULL, nothing of how it is stored. */
export function plainType(type: string): string {
  const m = /(LowCardinality|Nullable|SimpleAggregateFunction|AggregateFunction|DateTime64|DateTime)\(/.exec(type);
  if (!m) return type;
  const from = m.index + m[0].length;
  let to = from;
  for (let depth = 1; to < type.length; to++) {
    if (type[to] === '(') depth++;
    else if (type[to] === ')' && --depth === 0) break;
  }
  const inner = type.slice(from, to);
  const said = {
    LowCardinality: () => plainType(inner),
    Nullable: () => `${plainType(inner)}?`,
    SimpleAggregateFunction: () => plainType(inner.replace(/^\w+, /, '')),
    AggregateFunction: () => 'state',
    DateTime64: () => 'DateTime',
    DateTime: () => 'DateTime',
  }[m[1] as 'Nullable']();
  return type.slice(0, m.index) + said + plainType(type.slice(to + 1));
}

/** The value on an axis; undefined if it is none. */
export function numeric(v: unknown): number | undefined {
  const n = typeof v === 'number' ? v : typeof v === 'string' && v !== '' ? Number(v) : typeof v === 'boolean' ? Number(v) : Number.NaN;
  return Number.isFinite(n) ? n : undefined;
}

/** Orders two values of a column; NULL is last in either direction. */
export function compare(a: unknown, b: unknown, sort: Sort, down: boolean): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const d = sort === 'number' ? (numeric(a) ?? 0) - (numeric(b) ?? 0) : typeof a === 'string' && typeof b === 'string' ? (a < b ? -1 : a > b ? 1 : 0) : JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
  return down ? -d : d;
}

/** How wide the columns are, in characters: what their first rows need, within bounds. */
export function widths(columns: Column[], rows: unknown[][]): number[] {
  return columns.map((c, i) => {
    let most = c.name.length + 3;
    for (let r = 0; r < Math.min(rows.length, 200); r++) most = Math.max(most, cell(rows[r]![i], c).length);
    return Math.min(Math.max(most + 1, 6), 56);
  });
}

export type Plot = { kind: 'line' | 'bar'; x: string; y: string[]; split: string };

/** The chart that suits a result: a line over a time, else bars of names; undefined if nothing in it is a number. */
export function plotOf(columns: Column[]): Plot | undefined {
  const of = (s: Sort) => columns.filter((c) => sortOf(c) === s).map((c) => c.name);
  const time = of('time')[0];
  const names = [...of('text'), ...of('bool')];
  const numbers = of('number');
  const x = time ?? names[0] ?? (numbers.length > 1 ? numbers[0] : undefined);
  const y = numbers.filter((n) => n !== x);
  if (x === undefined || y.length === 0) return undefined;
  const split = time && names[0] && y.length === 1 ? names[0] : '';
  return { kind: time ? 'line' : 'bar', x, y: y.slice(0, split ? 1 : 3), split };
}

export type Series = { name: string; values: (number | null)[] };

const maxSeries = 6;
export const maxBars = 40;
export const maxPoints = 5000;

/** The series of a plot and the names on its axis. `left` says what is not drawn; empty if all is. */
export function drawn(p: Plot, columns: Column[], rows: unknown[][]): { axis: string[]; series: Series[]; left: string } {
  const at = (name: string) => columns.findIndex((c) => c.name === name);
  const xi = at(p.x);
  const xc = columns[xi];
  if (!xc) return { axis: [], series: [], left: '' };
  const time = sortOf(xc) === 'time';
  const sorted = time || sortOf(xc) === 'number' ? [...rows].sort((a, b) => compare(a[xi], b[xi], sortOf(xc), false)) : rows;
  const text = (r: unknown[]) => (r[xi] === '' ? 'empty' : typeof r[xi] === 'number' ? String(r[xi]) : cell(r[xi], xc));
  const all = [...new Set(sorted.map(text))];
  const most = p.kind === 'bar' ? (time ? 200 : maxBars) : maxPoints;
  const axis = all.slice(0, most);
  const left = all.length > axis.length ? `The first ${exact(axis.length)} of ${exact(all.length)} values of ${p.x} are drawn.` : '';
  const place = new Map(axis.map((x, i) => [x, i]));
  const fill = (name: string, rows: unknown[][], yi: number): Series => {
    const values: (number | null)[] = axis.map(() => null);
    for (const r of rows) {
      const i = place.get(text(r));
      const v = numeric(r[yi]);
      if (i !== undefined && v !== undefined) values[i] = (values[i] ?? 0) + v;
    }
    return { name, values };
  };
  const si = at(p.split);
  if (si < 0) return { axis, series: p.y.slice(0, maxSeries).map((y) => fill(y, sorted, at(y))), left };
  const yi = at(p.y[0] ?? '');
  const groups = new Map<string, unknown[][]>();
  for (const r of sorted) {
    const g = r[si] === '' ? 'empty' : cell(r[si], columns[si]!);
    (groups.get(g) ?? groups.set(g, []).get(g)!).push(r);
  }
  const weight = (rows: unknown[][]) => rows.reduce((n, r) => n + Math.abs(numeric(r[yi]) ?? 0), 0);
  const largest = [...groups].sort((a, b) => weight(b[1]) - weight(a[1]));
  return {
    axis,
    series: largest.slice(0, maxSeries).map(([name, rows]) => fill(name, rows, yi)),
    left: largest.length > maxSeries ? `${left} The ${maxSeries} largest of ${exact(largest.length)} values of ${p.split} are drawn.`.trim() : left,
  };
}

/** The place that a message names, as weir and the engine write it; undefined if it names none. */
export function placeIn(message: string): { line: number; column: number } | undefined {
  const m = /line (\d+), column (\d+)/.exec(message);
  return m ? { line: Number(m[1]), column: Number(m[2]) } : undefined;
}

// Values of SQL results as people read them.
import type { Column } from '../api/sql';
import { exact } from './numbers';

/** What a column is to a reader: a number to be compared, a time to be on an axis, a text, or a thing with parts. */
export type Sort = 'number' | 'time' | 'text' | 'bool' | 'parts';

const bare = (type: string): string => {
  for (;;) {
    const m = /^(?:Nullable|LowCardinality|SimpleAggregateFunction)\((?:\w+, )?(.*)\)$/.exec(type);
    if (!m) return type;
    type = m[1]!;
  }
};

export function sortOf({ type }: Column): Sort {
  const t = bare(type);
  if (/^(U?Int|Float|Decimal|BFloat)/.test(t)) return 'number';
  if (t.startsWith('Date')) return 'time';
  if (t === 'Bool') return 'bool';
  if (/^(Array|Map|Tuple|Nested|JSON|Object|Variant|Dynamic)\b/.test(t)) return 'parts';
  return 'text';
}

/** Numbers that name something are not written with separators. */
const names = /(^|_)(id|year|port|code|version)$/i;

const small = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 8 });

/** A number that is not whole: eight digits, and never fewer than all in front of the point and two behind it. */
function fraction(v: number): string {
  const size = Math.abs(v);
  if (size >= 1e15 || size < 1e-6) return v.toExponential(4);
  if (size < 1) return small.format(v);
  return v.toLocaleString('en-US', { maximumFractionDigits: Math.max(2, 8 - String(Math.trunc(size)).length) });
}

/** A number of a result, whatever it counts. */
export const numeral = (v: number): string => (Number.isInteger(v) ? exact(v) : fraction(v));

/** Says that a value is NaN or infinite, for which JSON has nothing but null: its column has no NULL. */
export const notFinite = (v: unknown, { type }: Column): boolean => v === null && /^B?Float/.test(type);

/** A value as tables show it; null is told apart by the caller. */
export function cell(v: unknown, c: Column): string {
  if (notFinite(v, c)) return 'not finite';
  if (v === null || v === undefined) return 'NULL';
  if (typeof v === 'number') {
    if (names.test(c.name)) return String(v);
    if (Number.isInteger(v)) return exact(v);
    return bare(c.type).startsWith('Decimal') ? v.toLocaleString('en-US', { maximumFractionDigits: 20 }) : fraction(v);
  }
  if (typeof v === 'string') {
    if (sortOf(c) === 'time') return v.replace(/\.0+$/, '');
    if (sortOf(c) === 'number' && /^-?\d+$/.test(v) && !names.test(c.name)) return v.replace(/\B(?=(\d{3})+$)/g, ',');
    return v;
  }
  return typeof v === 'object' ? JSON.stringify(v) : String(v);
}

/** All that is known of a value of which `cell` may show less; undefined where that is all. */
export function wholeValue(v: unknown, c: Column): string | undefined {
  if (notFinite(v, c)) return 'NaN or infinite: an export as CSV says which';
  return typeof v === 'number' && !Number.isInteger(v) && Number(cell(v, c).replaceAll(',', '')) !== v ? String(v) : undefined;
}

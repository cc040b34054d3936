// Numbers as people read them. A missing one is an en dash, never a zero.
import { amount, inSteps } from './money';

const none = '–';

const whole = new Intl.NumberFormat('en-US');
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const two = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });

export type Kind = 'count' | 'ratio' | 'seconds' | 'decimal' | 'money' | 'bytes';

type Maybe = number | null | undefined;
const missing = (n: Maybe): n is null | undefined => n === null || n === undefined || !Number.isFinite(n);

/** 1,234,567 */
export const exact = (n: Maybe): string => (missing(n) ? none : Number.isInteger(n) ? whole.format(n) : two.format(n));

/** 1,234 up to 9,999, then 12.3K, 1.2M. */
export const compact = (n: Maybe): string => (missing(n) ? none : Math.abs(n) < 10_000 ? exact(n) : short.format(n));

/** The word for so many: 1 view, 2 views, 0 views. Without `many` it is `one` with an s. */
export const plural = (n: Maybe, one: string, many = `${one}s`): string => (n === 1 ? one : many);

/** A number with its word: 1 view, 1,234 views. */
export const counted = (n: Maybe, one: string, many?: string): string => `${exact(n)} ${plural(n, one, many)}`;

/** 0.1234 → 12.3%, 0.5 → 50.0%: those of a column align. Small shares keep a digit that says that they are not nothing. */
export function percent(n: Maybe, digits = 1): string {
  if (missing(n)) return none;
  const p = n * 100;
  if (p !== 0 && Math.abs(p) < 0.5 * 10 ** -digits) return `<${(10 ** -digits).toFixed(digits)}%`;
  return `${p.toFixed(p === 0 || Math.abs(p) >= 100 ? 0 : digits)}%`;
}

/** 95 → 1m 35s; below a second in milliseconds. */
export function duration(seconds: Maybe): string {
  if (missing(seconds)) return none;
  if (seconds !== 0 && seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  const s = Math.round(seconds);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, '0')}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}m`;
  return `${Math.floor(s / 86_400)}d ${Math.floor((s % 86_400) / 3600)}h`;
}

/** 1536 → 1.5 KB, in powers of 1000 as disks are sold. */
export function bytes(n: Maybe): string {
  if (missing(n)) return none;
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let i = 0;
  let v = n;
  while (Math.abs(v) >= 999.5 && i < units.length - 1) {
    v /= 1000;
    i++;
  }
  return `${i === 0 ? v : v.toFixed(v < 10 ? 1 : 0)} ${units[i]}`;
}

export function show(n: Maybe, kind: Kind, long = false): string {
  switch (kind) {
    case 'ratio':
      return percent(n);
    case 'seconds':
      return duration(n);
    case 'bytes':
      return bytes(n);
    case 'decimal':
      return missing(n) ? none : n !== 0 && Math.abs(n) < 0.1 ? digits(Number(n.toPrecision(2))) : n.toFixed(2);
    case 'money':
      return amount(n, '', long);
    case 'count':
      return long ? exact(n) : compact(n);
  }
}

const significant = 12; // of a number that was calculated, more are noise

/** All digits of a round number, and no zeros behind them: 0.005, 12.5, 4,000; very small ones as powers of ten. */
export function digits(n: number): string {
  const v = Number(n.toPrecision(significant));
  return v !== 0 && Math.abs(v) < 1e-6 ? v.toExponential() : v.toLocaleString('en-US', { maximumFractionDigits: 20 });
}

/** A value beside an axis. The steps of axes are round: with all digits of each no two read alike. From ten thousand on it is shortened. */
export function atAxis(n: number, kind: Kind, currency = ''): string {
  const size = Math.abs(n);
  switch (kind) {
    case 'ratio':
      return `${digits(n * 100)}%`;
    case 'seconds':
      return n === 0 ? '0s' : size < 1 ? `${digits(n * 1000)}ms` : size < 60 ? `${digits(n)}s` : duration(n);
    case 'bytes':
      return size < 1000 ? `${digits(n)} B` : bytes(n);
    case 'money':
      return inSteps(n, currency);
    case 'decimal':
    case 'count':
      return size < 10_000 ? digits(n) : short.format(n);
  }
}

/** The change from before to now as a share of before, whose sign does not turn it around; undefined when there is nothing to compare with. */
export function change(now: Maybe, before: Maybe): number | undefined {
  if (missing(now) || missing(before) || before === 0) return undefined;
  return (now - before) / Math.abs(before);
}

/** +12%, −3.4%, 0%. */
export function signed(share: number): string {
  const p = share * 100;
  const digits = Math.abs(p) >= 10 || p === 0 ? 0 : 1;
  const text = Math.abs(p).toFixed(digits);
  return Number(text) === 0 ? '0%' : `${p > 0 ? '+' : '−'}${whole.format(Number(text))}%`;
}

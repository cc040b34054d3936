// The range of dates of a view, as it stands in the address and as questions are asked. All dates are days of the site's time zone.

export const presets = ['today', 'yesterday', '24h', '7d', '30d', '90d', 'month', 'last-month', '12mo', 'year'] as const;
export type Preset = (typeof presets)[number];
export type Range = { preset: Preset } | { last: number } | { from: string; to: string }; // days: so many up to today, or from and to, both included
export type Interval = 'minute' | 'hour' | 'day' | 'week' | 'month';

export const presetNames: Record<Preset, string> = {
  today: 'Today',
  yesterday: 'Yesterday',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
  '90d': 'Last 90 days',
  month: 'This month',
  'last-month': 'Last month',
  '12mo': 'Last 12 months',
  year: 'This year',
};

export const defaultRange: Range = { preset: '7d' };

const day = /^\d{4}-\d{2}-\d{2}$/;

export const isDay = (s: string): boolean => day.test(s) && !Number.isNaN(Date.parse(`${s}T00:00:00Z`)) && new Date(`${s}T00:00:00Z`).toISOString().startsWith(s);

const length = /^[1-9]\d{0,3}d$/; // the time before the longest is still after 1971, where weir's years begin

/** The range of its text in an address ("7d", "14d", "2026-01-01~2026-01-31"); undefined for anything else. */
export function readRange(text: string | null | undefined): Range | undefined {
  if (text && (presets as readonly string[]).includes(text)) return { preset: text as Preset };
  if (text && length.test(text)) return { last: parseInt(text) };
  const [from, to, more] = (text ?? '').split('~');
  if (more === undefined && from && to && isDay(from) && isDay(to)) return from <= to ? { from, to } : { from: to, to: from };
  return undefined;
}

export const writeRange = (r: Range): string => ('preset' in r ? r.preset : 'last' in r ? `${r.last}d` : `${r.from}~${r.to}`);

/** Today in a time zone, as YYYY-MM-DD. */
export function today(zone: string, now = new Date()): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(now);
}

/** The day n days after another one. */
export function addDays(d: string, n: number): string {
  const t = new Date(`${d}T00:00:00Z`);
  t.setUTCDate(t.getUTCDate() + n);
  return t.toISOString().slice(0, 10);
}

/** The first and the last day of a range, both included; the last 24 hours are today and yesterday. */
export function daysOf(r: Range, zone: string, now = new Date()): { from: string; to: string } {
  if ('from' in r) return r;
  const t = today(zone, now);
  if ('last' in r) return { from: addDays(t, 1 - r.last), to: t };
  const month = `${t.slice(0, 7)}-01`;
  switch (r.preset) {
    case 'today':
      return { from: t, to: t };
    case 'yesterday':
      return { from: addDays(t, -1), to: addDays(t, -1) };
    case '24h':
      return { from: addDays(t, -1), to: t };
    case '7d':
      return { from: addDays(t, -6), to: t };
    case '30d':
      return { from: addDays(t, -29), to: t };
    case '90d':
      return { from: addDays(t, -89), to: t };
    case 'month':
      return { from: month, to: t };
    case 'last-month': {
      const last = addDays(month, -1);
      return { from: `${last.slice(0, 7)}-01`, to: last };
    }
    case '12mo': {
      const y = Number(t.slice(0, 4));
      const m = Number(t.slice(5, 7));
      const first = new Date(Date.UTC(y, m - 12, 1)).toISOString().slice(0, 10);
      return { from: first, to: t };
    }
    case 'year':
      return { from: `${t.slice(0, 4)}-01-01`, to: t };
  }
}

/** How a question names the range: dates, of which weir includes the last one wholly, or a length back from now. */
export function asked(r: Range, zone: string, now = new Date()): { from: string; to?: string } {
  if ('preset' in r && r.preset === '24h') return { from: '24h' };
  const { from, to } = daysOf(r, zone, now);
  return to === today(zone, now) ? { from } : { from, to };
}

/**
 * How a question names the time before, to compare with: the same stretch as many whole days earlier as the range has, so that hours meet the same hours and
 * what goes on until now meets what went on until this time of the day.
 */
export function askedBefore(r: Range, zone: string, now = new Date()): { from: string; to: string } {
  if ('preset' in r && r.preset === '24h') return { from: '24h', to: '24h' };
  const { from, to } = daysOf(r, zone, now);
  const n = lengthOf(r, zone, now);
  return { from: addDays(from, -n), to: to === today(zone, now) ? back(n, zone, now) : addDays(to, -n) };
}

/** The length back from now to the same time of the day n days before: where the clock was put forward or back meanwhile these are not n times 24 hours. */
function back(n: number, zone: string, now: Date): string {
  const minutes = n * 1440 + ahead(zone, new Date(now.getTime() - n * 86_400_000)) - ahead(zone, now);
  if (minutes === n * 1440) return `${n}d`;
  return minutes % 60 === 0 ? `${minutes / 60}h` : minutes < 100_000 ? `${minutes}m` : `${n}d`; // weir takes lengths of five digits
}

/** How many minutes the clocks of a zone are ahead of UTC. */
function ahead(zone: string, at: Date): number {
  const clock = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' }).format(at); // 2026-03-01 23:30:00
  return Math.round((Date.parse(`${clock.replace(' ', 'T')}Z`) - at.getTime()) / 60_000);
}

/** How many days a range has. */
export function lengthOf(r: Range, zone: string, now = new Date()): number {
  const { from, to } = daysOf(r, zone, now);
  return Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000) + 1;
}

export const allIntervals: readonly string[] = ['minute', 'hour', 'day', 'week', 'month'] satisfies Interval[];

/** The intervals that make a readable series of the range, the best one first. */
export function intervals(r: Range, zone: string, now = new Date()): Interval[] {
  const n = lengthOf(r, zone, now);
  if ('preset' in r && r.preset === '24h') return ['hour', 'minute'];
  if (n <= 1) return ['hour', 'minute'];
  if (n <= 3) return ['hour', 'day'];
  if (n <= 14) return ['day', 'hour'];
  if (n <= 120) return ['day', 'week'];
  if (n <= 800) return ['week', 'day', 'month'];
  return ['month', 'week'];
}

// Times in the time zone of the site. A day is a date without a time and has no zone of its own.

type Part = Intl.DateTimeFormatOptions;
const made = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string, options: Part): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let f = made.get(key);
  if (!f) {
    f = new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options });
    made.set(key, f);
  }
  return f;
}

const isDate = (t: string) => t.length === 10;
const parse = (t: string) => new Date(isDate(t) ? `${t}T00:00:00Z` : t);
const write = (t: string | Date, zone: string, options: Part): string => {
  const d = typeof t === 'string' ? parse(t) : t;
  if (Number.isNaN(d.getTime())) return String(t);
  return formatter(typeof t === 'string' && isDate(t) ? 'UTC' : zone, options).format(d);
};

/** 14:05 */
export const clock = (t: string | Date, zone: string) => write(t, zone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
/** 14:05:09 */
export const clockSeconds = (t: string | Date, zone: string) => write(t, zone, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
/** 4 Mar */
export const dayShort = (t: string | Date, zone: string) => write(t, zone, { day: 'numeric', month: 'short' });
/** 4 Mar 2026 */
export const dayFull = (t: string | Date, zone: string) => write(t, zone, { day: 'numeric', month: 'short', year: 'numeric' });
/** Wed 4 Mar 2026 */
export const dayLong = (t: string | Date, zone: string) => write(t, zone, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }).replaceAll(',', '');
/** 4 Mar 2026, 14:05:09 */
export const moment = (t: string | Date, zone: string) => `${dayFull(t, zone)}, ${clockSeconds(t, zone)}`;

/** The start of an interval, as an axis shows it. */
export function axis(t: string, interval: string | undefined, zone: string): string {
  switch (interval) {
    case 'minute':
    case 'hour':
      return clock(t, zone);
    case 'month':
      return write(t, zone, { month: 'short', year: '2-digit' });
    default:
      return dayShort(t, zone);
  }
}

/** The interval in full, as a tooltip shows it. */
export function interval(t: string, kind: string | undefined, zone: string): string {
  switch (kind) {
    case 'minute':
    case 'hour':
      return `${dayLong(t, zone)}, ${clock(t, zone)}`;
    case 'week':
      return `Week of ${dayLong(t, zone)}`;
    case 'month':
      return write(t, zone, { month: 'long', year: 'numeric' });
    default:
      return dayLong(t, zone);
  }
}

/** 3 s ago, 5 min ago, 2 h ago, then the day, with the year if it is another one. */
export function ago(t: string | Date, zone: string, now = new Date()): string {
  const d = typeof t === 'string' ? parse(t) : t;
  const s = Math.round((now.getTime() - d.getTime()) / 1000);
  if (s < 2) return 'just now';
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`;
  return write(d, zone, { year: 'numeric' }) === write(now, zone, { year: 'numeric' }) ? dayShort(d, zone) : dayFull(d, zone);
}

import type { HealthCounts, HealthHour } from '../../api/health';

/** What can become of an event; together they are what was received. `color` is a variable of the theme. */
export type Outcome = { id: Exclude<keyof HealthCounts, 'received' | 'late' | 'conflicts'>; name: string; color: string; means: string };

export const outcomes: Outcome[] = [
  { id: 'stored', name: 'Stored', color: 'water', means: 'In reports and SQL' },
  { id: 'deduplicated', name: 'Repeats', color: 'series-3', means: 'Came before with the same event id: stored once' },
  { id: 'rejected', name: 'Rejected', color: 'bad', means: 'Refused at the door, with a reason' },
  { id: 'filtered', name: 'Filtered', color: 'before', means: 'Left out because a rule says so' },
  { id: 'quarantined', name: 'Quarantined', color: 'series-6', means: 'Could not be read' },
  { id: 'erased', name: 'Erased', color: 'line-strong', means: 'Removed on request' },
  { id: 'pending', name: 'Pending', color: 'buoy', means: 'Durable, not processed yet' },
];

/** The numbers always shown, and those that are not zero. */
export const shownOf = (c: HealthCounts) => outcomes.filter((o) => c[o.id] > 0 || o.id === 'stored' || o.id === 'deduplicated' || o.id === 'rejected');

/** Whether the parts are what was received. */
export const addsUp = (c: HealthCounts) => outcomes.reduce((n, o) => n + c[o.id], 0) === c.received;

const hour = 3_600_000;

export type Bucket = { start: string; counts: HealthCounts };

/** All hours of a range with nothing left out, joined to days of the zone when there are many: days in which clocks change have 23 or 25 hours. */
export function buckets(hours: HealthHour[], from: string, to: string, zone: string, now = Date.now()): { rows: Bucket[]; daily: boolean } {
  const first = Date.parse(from);
  const last = Math.min(Date.parse(to), Math.ceil(now / hour) * hour);
  const daily = last - first > 8 * 24 * hour;
  const day = new Intl.DateTimeFormat('en-CA', { timeZone: zone });
  const floor = (t: number) => Math.floor(t / hour) * hour;
  const keyOf = (t: number) => (daily ? day.format(Math.max(t, first)) : String(floor(t)));
  const out = new Map<string, Bucket>();
  for (let t = floor(first); t < last; t += hour) {
    if (out.has(keyOf(t))) continue;
    out.set(keyOf(t), { start: new Date(Math.max(t, first)).toISOString(), counts: { received: 0, stored: 0, deduplicated: 0, rejected: 0, filtered: 0, quarantined: 0, erased: 0, pending: 0, late: 0, conflicts: 0 } });
  }
  for (const h of hours) {
    const t = Date.parse(h.hour);
    const b = t >= floor(first) ? out.get(keyOf(t)) : undefined;
    if (!b) continue;
    for (const name of Object.keys(b.counts) as (keyof HealthCounts)[]) b.counts[name] += h[name];
  }
  return { rows: [...out.values()], daily };
}

/** A rejection's code in words. */
const titles: Record<string, string> = {
  malformed_json: 'Not valid JSON',
  trailing_data: 'Something follows the event',
  invalid_utf8: 'Text is not UTF-8',
  nul_byte: 'A NUL character',
  duplicate_key: 'A name is there twice',
  invalid_type: 'A field has the wrong type',
  invalid_value: 'A value cannot be read',
  field_missing: 'A required field is missing',
  number_out_of_range: 'A number is too large',
  ts_out_of_range: 'Time is out of range',
  too_deep: 'Nested too deep',
  too_many_properties: 'Too many properties',
  key_too_long: 'A name is too long',
  id_too_long: 'An id is too long',
  event_too_large: 'Event is too large',
  site_unknown: 'No such site',
  site_forbidden: 'Not the site of the key',
  origin_forbidden: 'Page is not allowed to send',
  unsupported: 'Not supported',
  over_limit: 'Over a limit',
  too_busy: 'Too much at once',
  body_too_large: 'Request is too large',
  too_many_events: 'Too many events in a request',
  empty_body: 'Empty request',
};

export const titleOf = (code: string) => titles[code] ?? code.replaceAll('_', ' ').replace(/^./, (c) => c.toUpperCase());

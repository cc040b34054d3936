/** The kinds of work, as they are called, and the colour group that they belong to in the chart. */
export const kinds: Record<string, { name: string; what: string; group: Group }> = {
  ingest: { name: 'Taking events', what: 'the doors: reading, decoding, enriching, the log', group: 'Ingest' },
  process: { name: 'Storing events', what: 'deduplication and inserts', group: 'Ingest' },
  rollup: { name: 'Rollups', what: 'summing up what was stored', group: 'Upkeep' },
  merge: { name: 'Merges', what: 'keeping tables in order', group: 'Upkeep' },
  query: { name: 'SQL', what: 'queries', group: 'SQL' },
  job: { name: 'SQL jobs', what: 'queries in the background', group: 'SQL' },
  report: { name: 'Reports', what: 'what the dashboard asks', group: 'Reports' },
  cache: { name: 'Kept answers', what: 'answers that were there already', group: 'Reports' },
  storage: { name: 'Storage', what: 'bytes on disk', group: 'Storage' },
  control: { name: 'Control', what: 'settings and lists', group: 'Control' },
};

export const groups = ['Ingest', 'Reports', 'SQL', 'Storage', 'Upkeep', 'Control'] as const;
export type Group = (typeof groups)[number];

export const groupOf = (kind: string | undefined): Group => kinds[kind ?? '']?.group ?? 'Control';

/** Spans of time, in UTC as costs are kept. `to` is left out where they go on. */
export const spans = { month: 'This month', 'last-month': 'Last month', '7d': '7 days', '30d': '30 days', '90d': '90 days' } as const;
export type SpanName = keyof typeof spans;

const start = (d: Date) => `${d.toISOString().slice(0, 10)}T00:00:00Z`;

export function spanOf(name: SpanName, now = new Date()): { from: string; to?: string } {
  const month = (n: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + n, 1));
  if (name === 'month') return { from: start(month(0)) };
  if (name === 'last-month') return { from: start(month(-1)), to: start(month(0)) };
  const days = Number.parseInt(name, 10);
  return { from: start(new Date(now.getTime() - (days - 1) * 86_400_000)) };
}

/** The days of a span, up to today, as YYYY-MM-DD. */
export function daysOf(span: { from: string; to?: string }, now = new Date()): string[] {
  const days: string[] = [];
  const end = span.to ? Date.parse(span.to) : now.getTime();
  for (let t = Date.parse(span.from); t < end; t += 86_400_000) days.push(new Date(t).toISOString().slice(0, 10));
  return days;
}

/** The hour that goes on and the one before it. */
export const lastHours = (now = new Date()): { from: string } => ({ from: new Date(Math.floor(now.getTime() / 3_600_000 - 1) * 3_600_000).toISOString() });

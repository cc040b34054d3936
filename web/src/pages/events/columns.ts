import type { Event } from '../../api/events';

/** The columns of an event as its details list them, in groups. */
export const groups: [string, (keyof Event & string)[]][] = [
  ['Event', ['type', 'ts', 'received_at', 'client_ts', 'event_id']],
  ['Page', ['url', 'host', 'path', 'referrer', 'referrer_host', 'channel', 'utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content']],
  ['Visitor', ['client_id', 'user_id', 'session_id', 'net']],
  ['Place and device', ['country', 'region', 'city', 'device', 'os', 'browser', 'user_agent', 'is_bot', 'bot_rule', 'bot_score']],
] as [string, (keyof Event & string)[]][];

const listed = new Set(groups.flatMap(([, columns]) => columns as string[]));
const shownElsewhere = new Set(['props', 'site_id']);

/** Columns that weir has and that no group names: they are not to be missed. */
export const others = (e: Event): string[] => Object.keys(e).filter((k) => !listed.has(k) && !shownElsewhere.has(k));

const notText = new Set(['ts', 'received_at', 'client_ts', 'bot_score', 'enrich_version']);

/** Whether events can be filtered by a column: those of text, and the flag of robots. */
export const canFilter = (column: string): boolean => !notText.has(column);

const labels: Record<string, string> = { ts: 'Time', received_at: 'Received', client_ts: "Sender's clock", user_agent: 'User agent', net: 'Network', bot_score: 'Robot score', enrich_version: 'Enrichment' };

export const label = (column: string, dim: (name: string) => string): string => labels[column] ?? (column === 'referrer' ? 'Referring page' : column === 'referrer_host' ? 'Referring site' : dim(column));

/** A value of a property as it is filtered by and shown. */
export const textOf = (v: unknown): string => (typeof v === 'string' ? v : v === null || v === undefined ? '' : JSON.stringify(v));

/** What an event is about, in one line: the path of its page, and the first of its properties. */
export function subject(e: Event): { path: string; props: string[] } {
  const props = Object.entries(e.props ?? {}).slice(0, 4);
  return { path: e.path ?? '', props: props.map(([k, v]) => `${k}: ${textOf(v)}`) };
}

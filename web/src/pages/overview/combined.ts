import { sentence } from '../../parts/filters';
import * as names from '../../format/names';
import type { Filter } from '../../state/filters';

/** The columns that sessions have: those of their first event, their source, their pages and their ids. */
const ofVisits = new Set(['client_id', 'user_id', 'entry_host', 'entry_path', 'exit_host', 'exit_path', 'channel', 'referrer_host', 'utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'country', 'region', 'city', 'device', 'os', 'browser', 'is_bot']);

const said = (filters: Filter[]) => filters.map((f) => `${names.dim(f.dim)} ${sentence(f)}`).join(', ');

/**
 * What the numbers count where filters on what visits have meet filters on what only events have (docs/SESSIONS.md): visits by how they began and by what is
 * among their events, all else by single events that have both. Empty where they do not meet. Cohorts are of people and say nothing of either.
 */
export function combined(filters: Filter[]): string {
  const visits = filters.filter((f) => ofVisits.has(f.dim));
  const events = filters.filter((f) => !ofVisits.has(f.dim) && f.dim !== 'cohort');
  if (visits.length === 0 || events.length === 0) return '';
  const have = events.filter((f) => !f.not);
  const lack = events.filter((f) => f.not).map((f) => ({ ...f, not: false }));
  const which = [`began with ${said(visits)}`, ...(have.length > 0 ? [`have an event with ${said(have)}`] : []), ...lack.map((f) => `have no event with ${said([f])}`)];
  return `Sessions, and what is said of them, are those that ${which.slice(0, -1).join(', ')} and ${which.at(-1)}. Visitors, page views and money are of single events that match every filter; where they came from, and the entry and exit page, are those of their session. So the numbers need not fit each other.`;
}

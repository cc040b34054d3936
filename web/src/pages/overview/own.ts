// The hosts of the site itself. A session that begins after a pause has the page before as its referrer: it comes from nowhere else, and no list of referrers has it.
import { number, text, useReport, useScope, type Row } from '../../api/report';
import type { Filter } from '../../state/filters';

const looked = 10; // hosts with the most page views
const share = 0.01; // of the page views that a host of the site has at least: others are copies of its pages (archives, translations), or made up

/** How many more groups a list asks for than it shows, lest those that are left out leave gaps. */
export const spare = 2 * looked;

const bare = (host: string) => host.replace(/^www\./, '');

/** The hosts of the site, without www., of its rows by host. */
export function ownOf(rows: Row[]): Set<string> {
  const views = (r: Row) => number(r, 'pageviews') ?? 0;
  const all = rows.reduce((n, r) => n + views(r), 0);
  return new Set(rows.filter((r) => text(r, 'host') !== '' && views(r) >= share * all && views(r) > 0).map((r) => bare(text(r, 'host'))));
}

/** The rows by referrers without those of own hosts, unless a filter asks for referrers: what it keeps is shown. */
export function foreign(rows: Row[], own: Set<string>, filters: Filter[]): Row[] {
  if (filters.some((f) => f.dim === 'referrer_host' && !f.not)) return rows;
  return rows.filter((r) => !own.has(bare(text(r, 'referrer_host'))));
}

/** The filter with which a question on its own, such as that of a panel, leaves own hosts out. */
export const notOwn = (own: Set<string>): Filter[] => (own.size === 0 ? [] : [{ dim: 'referrer_host', not: true, contains: false, values: [...own].flatMap((h) => [h, `www.${h}`]) }]);

/** The site's hosts in the time of the view, whatever its filters are. Pending is a question for them that has no answer yet; where none comes, none are known. */
export function useOwnHosts(enabled: boolean): { own: Set<string>; pending: boolean } {
  const { from, to } = useScope();
  const hosts = useReport({ from, ...(to && { to }), metric: ['pageviews'], group_by: ['host'], limit: looked, totals: false }, enabled);
  return { own: ownOf(hosts.data?.data ?? []), pending: enabled && hosts.isPending };
}

// The state of a view lives in its address, so that it can be shared, reloaded and gone back to: ?range=7d&compare=1&f=country:DE&f=…
import { useCallback, useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { parseFilter, writeFilter, type Filter } from './filters';
import { parseRange, writeRange, defaultRange, type Range } from './range';

export type View = { range: Range; compare: boolean; filters: Filter[]; segment: string | undefined };

/** The view of the query of an address. What cannot be read is left out. */
export function parseView(search: string): View {
  const q = new URLSearchParams(search);
  return {
    range: parseRange(q.get('range')),
    compare: q.get('compare') === '1',
    filters: q.getAll('f').flatMap((t) => parseFilter(t) ?? []),
    segment: q.get('segment') || undefined,
  };
}

/** The query of an address with another view; parameters of pages stay. */
export function writeView(search: string, v: View): string {
  const q = new URLSearchParams(search);
  for (const name of ['range', 'compare', 'f', 'segment']) q.delete(name);
  if (writeRange(v.range) !== writeRange(defaultRange)) q.set('range', writeRange(v.range));
  if (v.compare) q.set('compare', '1');
  for (const f of v.filters) q.append('f', writeFilter(f));
  if (v.segment) q.set('segment', v.segment);
  return q.toString();
}

/** The query of the address as it stands there: what useSearch gives is decoded once too often for values with a percent sign. */
function useQueryText(): string {
  useSearch();
  return location.search;
}

/** The view, and a way to change parts of it; each change is a step that the back button undoes. */
export function useView(): [View, (change: Partial<View>) => void] {
  const search = useQueryText();
  const [, go] = useLocation();
  const view = useMemo(() => parseView(search), [search]);
  const change = useCallback(
    (c: Partial<View>) => {
      const q = writeView(location.search, { ...parseView(location.search), ...c });
      go(location.pathname + (q ? `?${q}` : ''));
    },
    [go],
  );
  return [view, change];
}

/** One more parameter of a page. Values that equal the default are not written; changes replace the step, not add one, when quiet. */
export function useParam(name: string, fallback = '', quiet = false): [string, (value: string) => void] {
  const search = useQueryText();
  const [, go] = useLocation();
  const value = new URLSearchParams(search).get(name) ?? fallback;
  const set = useCallback(
    (v: string) => {
      const q = new URLSearchParams(location.search);
      if (v === fallback) q.delete(name);
      else q.set(name, v);
      const text = q.toString();
      go(location.pathname + (text ? `?${text}` : ''), { replace: quiet });
    },
    [go, name, fallback, quiet],
  );
  return [value, set];
}

/** The part of the query that goes along to another page of the site. */
export function carried(search: string): string {
  const q = writeView('', parseView(search));
  return q ? `?${q}` : '';
}

// The state of a view lives in its address, so that it can be shared, reloaded and gone back to: ?range=7d&compare=1&f=country:DE&f=…
import { useCallback, useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { parseFilter, writeFilter, type Filter } from './filters';
import { useFault, type Fault } from './faults';
import { defaultRange, presetNames, readRange, writeRange, type Range } from './range';

/** `ranged`: the address names the range although it is the default one. Pages with a default of their own need it. */
export type View = { range: Range; ranged?: boolean | undefined; compare: boolean; filters: Filter[]; segment: string | undefined };

/** The view of the query of an address. What cannot be read is left out; faultsOf says what that is. */
export function parseView(search: string): View {
  const q = new URLSearchParams(search);
  return {
    range: readRange(q.get('range')) ?? defaultRange,
    ...(q.get('range') === writeRange(defaultRange) && { ranged: true }),
    compare: q.get('compare') === '1',
    filters: q.getAll('f').flatMap((t) => parseFilter(t) ?? []),
    segment: q.get('segment') || undefined,
  };
}

/** Whether a range was chosen. */
export const isRanged = (v: View): boolean => v.ranged === true || writeRange(v.range) !== writeRange(defaultRange);

/** The parts of a view that a page can show; periods are a range that is the last periods of the page unless one is chosen. */
export type Part = 'range' | 'periods' | 'compare' | 'filters';

/** What of a view could not be read, of those parts that a page shows; a name that others use for filters is none of weir's. */
export function faultsOf(search: string, reads: readonly Part[]): Fault[] {
  const q = new URLSearchParams(search);
  const all = (name: string, wrong: (text: string) => boolean, instead: string) => q.getAll(name).filter(wrong).map((text): Fault => ({ name, text, instead }));
  return [
    ...(reads.includes('range') ? all('range', (t) => !readRange(t), 'preset' in defaultRange ? presetNames[defaultRange.preset].toLowerCase() : '') : []),
    ...(reads.includes('periods') ? all('range', (t) => !readRange(t), 'the last periods') : []),
    ...(reads.includes('compare') ? all('compare', (t) => t !== '1', 'no comparison') : []),
    ...(reads.includes('filters')
      ? [...all('f', (t) => !parseFilter(t), 'everything, without this filter (one is written column:value)'), ...['filter', 'filters'].flatMap((n) => all(n, () => true, 'everything, without this filter (one is written f=column:value)'))]
      : []),
  ];
}

/** The query of an address without these parts. */
export function without(search: string, faults: Fault[]): string {
  const q = new URLSearchParams(search);
  for (const f of faults) q.delete(f.name, f.text);
  const text = q.toString();
  return text ? `?${text}` : '';
}

/** The query of an address with another view; parameters of pages stay. */
export function writeView(search: string, v: View): string {
  const q = new URLSearchParams(search);
  for (const name of ['range', 'compare', 'f', 'segment']) q.delete(name);
  if (isRanged(v)) q.set('range', writeRange(v.range));
  if (v.compare) q.set('compare', '1');
  for (const f of v.filters) q.append('f', writeFilter(f));
  if (v.segment) q.set('segment', v.segment);
  return q.toString();
}

/** The query of the address as it stands there: what useSearch gives is decoded once too often for values with a percent sign. */
export function useQueryText(): string {
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

/** A parameter that is one of some, with their names; what is none of them is the fallback, and is told. */
export function useChoice<C extends Readonly<Record<string, string>>>(name: string, choices: C, fallback: keyof C & string, quiet = false): [keyof C & string, (value: keyof C & string) => void] {
  const [text, set] = useParam(name, fallback, quiet);
  const known = Object.hasOwn(choices, text);
  useFault(!known && { name, text, instead: choices[fallback]! });
  return [known ? text : fallback, set];
}

/** The part of the query that goes along to another page of the site. */
export function carried(search: string): string {
  const q = writeView('', parseView(search));
  return q ? `?${q}` : '';
}

/** The parameter that says whether bots count. */
export const withBots = { '': 'what people did, without bots', include: 'people and bots' };

import type { Goal } from '../../api/saved';
import type { Money } from '../../format/currencies';
import { parseFilter, writeFilter, type Filter } from '../../state/filters';

/** The filters that keep the events that are a goal. */
export const filtersOf = (g: Pick<Goal, 'type' | 'filter'>): Filter[] => [{ dim: 'type', not: false, contains: false, values: [g.type] }, ...(g.filter ?? []).flatMap((t) => parseFilter(t) ?? [])];

/** The goal that the page is filtered by: the one that asks for the most, if all it asks for is among the filters. */
export function filteredBy<G extends Pick<Goal, 'type' | 'filter'>>(goals: G[], filters: Filter[]): G | undefined {
  const there = new Set(filters.map(writeFilter));
  const all = goals.filter((g) => filtersOf(g).every((f) => there.has(writeFilter(f))));
  return all.toSorted((a, b) => filtersOf(b).length - filtersOf(a).length)[0];
}

/** The filters after a click on a goal: its own in place of those of the goal before and of other types of events; without them when they were there. */
export function toggleGoal(goals: Goal[], goal: Goal, filters: Filter[]): Filter[] {
  const old = filteredBy(goals, filters);
  const gone = new Set(old ? filtersOf(old).map(writeFilter) : []);
  const rest = filters.filter((f) => !gone.has(writeFilter(f)));
  if (old?.id === goal.id) return rest;
  const kept = rest.filter((f) => f.dim !== 'type' || f.not);
  const there = new Set(kept.map(writeFilter));
  return [...kept, ...filtersOf(goal).filter((f) => !there.has(writeFilter(f)))];
}

/** The amount of a currency among amounts; null: it is more than a number can be. */
export const inCurrency = (money: Money[] | null | undefined, currency: string): number | null | undefined => money?.find((m) => m.currency === currency)?.amount;

/** The amount of a currency in an answer: nothing is 0. */
export const earned = (c: { revenue?: Money[] | null } | undefined, currency: string): number | null => {
  const sum = inCurrency(c?.revenue, currency);
  return sum === undefined ? 0 : sum;
};

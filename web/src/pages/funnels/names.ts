import type { Goal } from '../../api/saved';
import * as names from '../../format/names';
import { sentence } from '../../parts/filters';
import { parseFilter } from '../../state/filters';

type Stage = { type: string; filter: string[]; goal?: string; name?: string };

/** What is picked in a step, without its filters: a goal, a type of event. Empty: nothing yet. */
export function eventOfStep(s: Stage, goals: Goal[] | undefined): string {
  if (s.goal) return goals === undefined ? 'Goal' : (goals.find((g) => g.id === s.goal)?.name ?? 'A goal that is gone');
  if (s.type) return names.event(s.type);
  return s.filter.length > 0 ? 'Any event' : '';
}

/** How a step is called: as someone has called it, else by its page, else by its event and what it must match. */
export function nameOfStep(s: Stage, goals: Goal[] | undefined): string {
  if (s.name) return s.name;
  const filters = s.filter.flatMap((t) => parseFilter(t) ?? []);
  const [first] = filters;
  if (s.type === 'pageview' && filters.length === 1 && first?.dim === 'path' && !first.not && !first.contains) return first.values.map((v) => names.value('path', v)).join(' or ');
  return [eventOfStep(s, goals), ...filters.map((f) => `${names.dim(f.dim)} ${sentence(f)}`)].filter(Boolean).join(', ');
}

import type { Cohort } from '../api/saved';
import * as names from '../format/names';
import { counted, exact } from '../format/numbers';
import { sentence } from '../parts/filters';
import { parseFilter } from '../state/filters';

const units: Record<string, string> = { m: 'minute', h: 'hour', d: 'day', w: 'week' };

/** A length of time as weir writes it, such as 30d, in words. */
export function lengthInWords(text: string): string {
  const [, n, unit] = /^(\d+)([mhdw])$/.exec(text) ?? [];
  return n && unit ? (n === '1' ? `${units[unit]}` : `${n} ${units[unit]}s`) : text;
}

/** Who is in a cohort, in one line. */
export function saysWho({ did, at_least, within, funnel, step, people_count }: Cohort['question']): string {
  if (did) {
    const what = did.type ? names.event(did.type) : 'Anything';
    const filters = (did.filter ?? []).flatMap((t) => parseFilter(t) ?? []).map((f) => `${names.dim(f.dim)} ${sentence(f)}`);
    const times = (at_least ?? 1) > 1 ? ` ${exact(at_least)} times or more` : '';
    return `${[what, ...filters].join(', ')}${times} in the last ${lengthInWords(within || '30d')}`;
  }
  if (funnel) return `Came to step ${step ?? 1} of a funnel`;
  return people_count === undefined ? 'People of a list' : `A list of ${counted(people_count, 'id')}`;
}

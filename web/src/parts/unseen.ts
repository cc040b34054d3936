import * as names from '../format/names';

/** The properties of a question that no event has had, of its answer; of an answer in pages, those of all pages. */
export function unseenIn(answer: unknown): string[] {
  if (typeof answer !== 'object' || answer === null) return [];
  const { unknown, pages } = answer as { unknown?: unknown; pages?: unknown };
  const own = Array.isArray(unknown) ? unknown.filter((n): n is string => typeof n === 'string') : [];
  return [...new Set([...own, ...(Array.isArray(pages) ? pages.flatMap(unseenIn) : [])])];
}

/** That no event has had these properties; undefined if there are none. */
export function saysUnseen(unseen: string[]): string | undefined {
  if (unseen.length === 0) return undefined;
  return `Never seen in events: ${unseen.map(names.dim).join(', ')}`;
}

import type { PathNode } from '../../api/paths';
import * as names from '../../format/names';
import { readable } from '../../format/path';

/** Whether a node is a page, not the rest or an end. */
export const isPage = (n: PathNode): boolean => !/^\d+=/.test(n.id);

/** What a node is called. The first is the anchor: a page, or a type of event. */
export function nameOf(n: PathNode): string {
  if (isPage(n)) return (n.step === 0 ? names.event(readable(n.path)) : readable(n.path)) || 'Unknown page';
  return n.path === 'other' ? 'Other pages' : n.path === 'exit' ? 'Left' : 'Came in';
}

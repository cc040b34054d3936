import type { PathNode } from '../../api/paths';

/** Whether a node is a page, not the rest or an end. */
export const isPage = (n: PathNode): boolean => !/^\d+=/.test(n.id);

/** What a node is called. */
export function nameOf(n: PathNode): string {
  if (isPage(n)) return n.path || 'Unknown page';
  return n.path === 'other' ? 'Other pages' : n.path === 'exit' ? 'Left' : 'Came in';
}

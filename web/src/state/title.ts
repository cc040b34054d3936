import { useEffect, useSyncExternalStore } from 'react';

let name = '';
const told = new Set<() => void>();

function set(next: string) {
  name = next;
  for (const tell of told) tell();
}

const subscribe = (tell: () => void) => {
  told.add(tell);
  return () => void told.delete(tell);
};

/** What is shown now has a name of its own, in place of its page's: as the heading, and in the title of the window. An empty one is none. */
export function useTitle(own: string): void {
  useEffect(() => {
    if (!own) return undefined;
    set(own);
    return () => set('');
  }, [own]);
}

/** The name that what is shown has given itself; empty if there is none. */
export const useTitled = (): string => useSyncExternalStore(subscribe, () => name);

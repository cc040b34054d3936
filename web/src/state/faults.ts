// Parts of an address that were not understood. Who reads a part says so here, and the frame tells it: an address that is mistyped, cut off or of another version never
// shows other numbers than it asks for without a word.
import { useEffect, useSyncExternalStore } from 'react';

/** A parameter of the address, its text, and what is shown in place of it. */
export type Fault = { name: string; text: string; instead: string };

let faults: readonly Fault[] = [];
const listeners = new Set<() => void>();
const set = (next: readonly Fault[]) => {
  faults = next;
  for (const tell of listeners) tell();
};
const subscribe = (tell: () => void) => {
  listeners.add(tell);
  return () => void listeners.delete(tell);
};

/** What was not understood by the parts of the page that are shown now. */
export const useFaults = () => useSyncExternalStore(subscribe, () => faults);

/** Says that a part of the address was not understood, as long as it stands there and somebody reads it. */
export function useFault(fault: Fault | undefined | false): void {
  const { name = '', text = '', instead = '' } = fault || {};
  useEffect(() => {
    if (name === '') return;
    const mine: Fault = { name, text, instead };
    set([...faults, mine]);
    return () => set(faults.filter((f) => f !== mine));
  }, [name, text, instead]);
}

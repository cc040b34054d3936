import { useSyncExternalStore } from 'react';
import { today } from './range';

const subscribe = (tell: () => void) => {
  const timer = setInterval(tell, 20_000);
  return () => clearInterval(timer);
};

/** Today in a time zone; who uses it is rendered again when a new day begins there. */
export const useToday = (zone: string): string => useSyncExternalStore(subscribe, () => today(zone));

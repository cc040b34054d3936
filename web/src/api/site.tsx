import { createContext, useContext, type ReactNode } from 'react';
import type { Site } from './session';

/** The site of a page: its id, that of its source, and the time zone in which everything about it is shown. */
export type Here = { id: string; source: string; name: string; zone: string; firstDay: number };

const Context = createContext<Here | undefined>(undefined);

export function SiteProvider({ site, children }: { site: Site; children: ReactNode }) {
  return <Context.Provider value={{ id: site.site_id, source: site.source, name: site.name, zone: site.time_zone, firstDay: site.first_day }}>{children}</Context.Provider>;
}

/** The time zone of the page's site; undefined on pages of no site, where times are those of UTC. */
export const useZone = (): string | undefined => useContext(Context)?.zone;

export function useSite(): Here {
  const here = useContext(Context);
  if (!here) throw new Error('useSite is for pages of a site');
  return here;
}

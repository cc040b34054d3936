import { useEffect } from 'react';
import { keep, kept } from './kept';
import { carried, useQueryText } from './url';

const isText = (v: unknown): v is string => typeof v === 'string';

/** What of the view goes along to the pages of a site: that of the address, or beside the pages of sites (dashboards, SQL, settings) what this tab had there last. */
export function useCarried(site: string | undefined, ofSite: boolean): string {
  const own = carried(useQueryText());
  const name = `view.${site ?? ''}`;
  useEffect(() => {
    if (ofSite && site) keep(name, own || undefined);
  }, [ofSite, site, name, own]);
  return ofSite ? own : (kept(name, isText) ?? '');
}

import { Link, useSearch } from 'wouter';
import type { Session } from '../../api/sessions';
import { useSite } from '../../api/site';
import * as names from '../../format/names';
import { visible } from '../../format/visible';
import { carried } from '../../state/url';
import css from './Sessions.module.css';
import { visitorPart } from './visitor';

/** Where a session came from: its campaign, its referrer, or how such are called. Columns that are masked are null. */
export function sourceOf(s: Session): string {
  if (s.utm_source) return visible(s.utm_campaign ? `${s.utm_source} / ${s.utm_campaign}` : s.utm_source);
  if (s.referrer_host) return visible(s.referrer_host);
  return s.channel ? names.value('channel', s.channel) : 'Direct';
}

export const placeOf = (s: Session): string => [s.city, s.country ? names.country(s.country) : ''].filter(Boolean).join(', ') || 'Unknown';

export const deviceOf = (s: Session): string => [s.browser, s.os].filter(Boolean).join(' on ') || (s.device ? names.value('device', s.device) : 'Unknown');

/** Addresses of sessions and visitors; range and filters go along. */
export function useAddress() {
  const { id } = useSite();
  const query = carried(useSearch());
  const base = `/sites/${encodeURIComponent(id)}/sessions`;
  return {
    list: base + query,
    session: (s: string) => `${base}/${encodeURIComponent(s)}${query}`,
    visitor: (v: string) => `${base}/visitors/${visitorPart(v)}${query}`,
  };
}

/** A session goes on: what is shown is what there is by now. */
export const Live = () => (
  <span className={css.live} title="It may go on: an event that still belongs to it would not be late">
    Live
  </span>
);

/** The way back to the list. */
export function Back() {
  const address = useAddress();
  return (
    <Link className={css.back} href={address.list}>
      ← All sessions
    </Link>
  );
}

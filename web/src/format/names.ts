// What people read in place of codes.
import { readable } from './path';
import { visible } from './visible';

const regions = typeof Intl.DisplayNames === 'function' ? new Intl.DisplayNames('en', { type: 'region' }) : undefined;

/** The name of a country of its two-letter code. */
export function country(code: string): string {
  if (!/^[A-Z]{2}$/.test(code)) return code === '' ? 'Unknown' : code;
  try {
    return regions?.of(code) ?? code;
  } catch {
    return code;
  }
}

const collator = new Intl.Collator('en', { numeric: true });

/** The order of a list that is read by its names. */
export const byName = (a: { name: string }, b: { name: string }): number => collator.compare(a.name, b.name);

const dims: Record<string, string> = {
  path: 'Page', url: 'URL', host: 'Host', entry_path: 'Entry page', exit_path: 'Exit page', referrer: 'Referrer', referrer_host: 'Referrer',
  channel: 'Channel', utm_source: 'Source', utm_medium: 'Medium', utm_campaign: 'Campaign', utm_term: 'Term', utm_content: 'Content',
  country: 'Country', region: 'Region', city: 'City', device: 'Device', os: 'System', browser: 'Browser', type: 'Event', is_bot: 'Robot',
  bot_rule: 'Robot rule', client_id: 'Visitor', user_id: 'User', session_id: 'Session', event_id: 'Event id', cohort: 'Cohort', site_id: 'Site',
};

/** The name of a column or property. */
export const dim = (name: string): string => dims[name] ?? visible(name.startsWith('props.') ? name.slice(6) : name);

/** A name whose blanks at its ends, and those beside each other, can be seen. */
export const withBlanks = (name: string): string => visible(name.replace(/^\s+|\s+$|\s{2,}/g, (blanks) => '␣'.repeat(blanks.length)));

const capital = (s: string) => s.charAt(0).toUpperCase() + s.slice(1);
const channels: Record<string, string> = { ai: 'AI assistants', referral: 'Referral sites', campaign: 'Other campaigns', internal: 'Own pages', paid: 'Paid ads' };

const events = new Map(Object.entries({ pageview: 'Page view', screen: 'Screen view', click: 'Click', outbound: 'Outbound link', download: 'Download', scroll: 'Scroll', engagement: 'Engagement', identify: 'Identified', alias: 'Alias', group: 'Group' }));

/** The name of a type of event, wherever somebody reads it; types that a site has made up are called what they are. */
export const event = (type: string): string => events.get(type) ?? visible(type);

/** The type of event that somebody means who types its name, or the type itself. */
export function typeOf(typed: string): string {
  const named = [...events].find(([, name]) => name.toLowerCase() === typed.toLowerCase());
  return named?.[0] ?? typed;
}

/** Whether somebody who seeks a text finds a value of a dim: by the value, or by what it is called. */
export const found = (name: string, v: string, sought: string): boolean => [v, value(name, v)].some((s) => s.toLowerCase().includes(sought.trim().toLowerCase()));

const paths = new Set(['path', 'entry_path', 'exit_path']);

/** A value of a dim as it is, where people must be able to tell it from one that reads alike: in tooltips, and where all of an event is shown. */
export const raw = (name: string, v: string): string => (paths.has(name) && v !== '' ? visible(v) : value(name, v));

/** A value of a dim. */
export function value(name: string, v: string): string {
  if (v === '') return name === 'referrer_host' ? 'Direct or none' : name === 'channel' || name.startsWith('utm_') ? 'None' : 'Unknown';
  if (paths.has(name)) return readable(v);
  if (name === 'country') return country(v);
  if (name === 'props.currency') return visible(v.toUpperCase());
  if (name === 'type') return event(v);
  if (name === 'channel') return channels[v] ?? visible(capital(v));
  if (name === 'device') return visible(capital(v));
  if (name === 'is_bot') return v === 'true' ? 'Robots' : 'People';
  return visible(v);
}

// What people read in place of codes.

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
export const dim = (name: string): string => dims[name] ?? (name.startsWith('props.') ? name.slice(6) : name);

const capital = (s: string) => s.charAt(0).toUpperCase() + s.slice(1);
const channels: Record<string, string> = { ai: 'AI assistants', referral: 'Referral sites', campaign: 'Other campaigns', internal: 'Own pages', paid: 'Paid ads' };

const events: Record<string, string> = { pageview: 'Page view', click: 'Click', outbound: 'Outbound link', scroll: 'Scroll', engagement: 'Engagement', identify: 'Identified', alias: 'Alias' };

/** The name of a type of event. */
export const event = (type: string): string => events[type] ?? type;

/** A value of a dim. */
export function value(name: string, v: string): string {
  if (v === '') return name === 'referrer_host' ? 'Direct or none' : name === 'channel' || name.startsWith('utm_') ? 'None' : 'Unknown';
  if (name === 'country') return country(v);
  if (name === 'props.currency') return v.toUpperCase();
  if (name === 'type') return event(v);
  if (name === 'channel') return channels[v] ?? capital(v);
  if (name === 'device') return capital(v);
  if (name === 'is_bot') return v === 'true' ? 'Robots' : 'People';
  return v;
}

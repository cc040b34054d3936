import { amount } from './money';
import { show, type Kind } from './numbers';

/** The metrics of reports, as they are called and shown. */
export type Metric = { id: string; name: string; kind: Kind; what: string; lower?: boolean; currency?: string };

/** The word for what a metric counts: one visitor, many visitors. */
export const unitOf = (m: Metric): { one: string; many: string } => ({ one: singles[m.id] ?? m.name.toLowerCase(), many: m.name.toLowerCase() });

const singles: Record<string, string> = { visitors: 'visitor', users: 'person', sessions: 'session', pageviews: 'page view', events: 'event', entries: 'entry', exits: 'exit', conversions: 'conversion' };

const list: Metric[] = [
  { id: 'visitors', name: 'Visitors', kind: 'count', what: 'Different browsers or devices' },
  { id: 'users', name: 'People', kind: 'count', what: 'Different persons; the browsers of one who was identified count once' },
  { id: 'sessions', name: 'Sessions', kind: 'count', what: 'What a visitor does until a pause' },
  { id: 'pageviews', name: 'Page views', kind: 'count', what: 'Pages that were opened' },
  { id: 'views_per_session', name: 'Views per session', kind: 'decimal', what: 'Page views of a session on average' },
  { id: 'bounce_rate', name: 'Bounce rate', kind: 'ratio', what: 'Sessions with a single action', lower: true },
  { id: 'session_duration', name: 'Session duration', kind: 'seconds', what: 'From the first to the last event of a session, on average' },
  { id: 'events', name: 'Events', kind: 'count', what: 'Everything that was sent' },
  { id: 'entries', name: 'Entries', kind: 'count', what: 'Sessions that begin there' },
  { id: 'exits', name: 'Exits', kind: 'count', what: 'Sessions that end there' },
  { id: 'value', name: 'Value', kind: 'money', what: 'Sum of the property value' },
  { id: 'revenue', name: 'Revenue', kind: 'money', what: 'Sum of the property revenue' },
  { id: 'conversions', name: 'Conversions', kind: 'count', what: 'Times a goal was reached' },
  { id: 'conversion_rate', name: 'Conversion rate', kind: 'ratio', what: 'Share of visitors who reach the goal' },
];
const byId = new Map(list.map((m) => [m.id, m]));

/** A value of a metric; money with its currency, where that is known. */
export const showAs = (m: Metric, n: number | null | undefined, long = false): string => (m.kind === 'money' && m.currency ? amount(n, m.currency, long) : show(n, m.kind, long));

export const metric = (id: string): Metric => byId.get(id) ?? { id, name: id, kind: 'count', what: '' };

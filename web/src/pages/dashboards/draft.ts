// A panel as its form holds it. What the form has no field for stays in the question as it was.
import { filtersIn, groupsOf, intervalFor, isKind, lengths, metricsOf, textIn, type Kind, type Panel } from '../../panels/panel';
import { nameOfStep } from '../funnels/names';
import { firstFunnel, parseFunnel, questionOf, type FunnelState, type Step } from '../../state/funnel';

export type Event = { type: string; filter?: string[] };
export type PanelDraft = {
  title: string;
  kind: Kind;
  site: string;
  from: string; // empty: of retention, the last periods
  filter: string[];
  metrics: string[];
  interval: string; // empty: what suits the range
  group: string;
  limit: number;
  compare: boolean;
  goal: string; // of conversions
  funnel: FunnelState;
  period: string;
  mode: string;
  start: Event;
  back: Event;
  sql: string;
};

const eventOf = (v: unknown): Event => {
  const o = (typeof v === 'object' && v !== null ? v : {}) as Record<string, unknown>;
  return { type: typeof v === 'string' ? v : textIn(o, 'type'), ...(filtersIn(o).length > 0 && { filter: filtersIn(o) }) };
};

/** Names that panelOf made are made anew when the step changes; only those that somebody gave stay. Names of goals are not known here. */
const unnamed = (f: FunnelState): FunnelState => ({ ...f, steps: f.steps.map((s) => (s.name === nameOfStep({ ...s, name: '' }, undefined) ? { ...s, name: '' } : s)) });

/** The range of another kind that suits a kind. */
export const rangeFor = (kind: Kind, d: PanelDraft): string => (kind === 'retention' ? (d.kind === 'retention' ? d.from : '') : d.from || 'today-6d');

/** The form of a panel; of a new one what one begins with. */
export function draftOf(p: Panel | undefined, site: string): PanelDraft {
  const q = p?.question ?? {};
  const kind = p && isKind(p.kind) ? p.kind : 'line';
  return {
    title: p?.title ?? '',
    kind,
    site: p?.site_id || site,
    from: textIn(q, 'from') || (kind === 'retention' ? '' : p ? '7d' : 'today-6d'), // without a range weir takes 7d
    filter: filtersIn(q),
    metrics: p && kind !== 'sql' ? metricsOf(q).map((m) => m.id) : ['visitors'],
    interval: textIn(q, 'interval'),
    group: groupsOf(q)[0] ?? (kind === 'table' && q.interval ? '' : 'path'), // a table by time alone has none
    limit: typeof q.limit === 'number' ? q.limit : 8,
    compare: p ? q.compare === 'previous' : true,
    goal: textIn(q, 'goal'),
    funnel: kind === 'funnel' ? unnamed(parseFunnel(JSON.stringify(q))) : firstFunnel,
    period: textIn(q, 'period') || 'week',
    mode: textIn(q, 'mode') || 'first_time',
    start: eventOf(q.start),
    back: eventOf(q.return),
    sql: textIn(q, 'sql'),
  };
}

/** Whether numbers are of a goal. */
export const ofGoal = (metrics: string[]): boolean => metrics.some((m) => m === 'conversions' || m === 'conversion_rate');
const goalOf = (d: PanelDraft) => (ofGoal(d.metrics) ? d.goal : undefined);

/** The panel of a form; what is missing in words, if it is not whole. */
export function panelOf(d: PanelDraft, nameOf: (s: Step) => string, fallback: string, old?: Panel): { panel?: Panel; missing?: string } {
  const title = d.title.trim() || fallback;
  const kept: Record<string, unknown> = old?.kind === d.kind ? old.question : {};
  const common: Record<string, unknown> = { ...kept, from: d.from || undefined, filter: d.filter.length > 0 ? d.filter : undefined };
  if (!d.from || lengths.some((l) => l.value === d.from)) delete common.to;
  const metric = d.metrics.length > 0 ? d.metrics : undefined;
  if (metric && !['funnel', 'retention', 'sql'].includes(d.kind) && ofGoal(metric) && !d.goal) return { missing: 'Choose a goal.' };
  const make = (question: Record<string, unknown>): { panel: Panel } => ({
    panel: { title, kind: d.kind, ...(d.kind !== 'sql' && { site_id: d.site }), question: Object.fromEntries(Object.entries(question).filter(([, v]) => v !== undefined)) },
  });
  switch (d.kind) {
    case 'sql':
      return d.sql.trim() ? make({ sql: d.sql.trim() }) : { missing: 'Write a statement.' };
    case 'funnel': {
      const q = questionOf(d.funnel, nameOf);
      return q ? make({ ...common, exclude: undefined, breakdown: undefined, ...q }) : { missing: 'Choose an event for each step.' };
    }
    case 'retention':
      return make({ ...common, period: d.period, mode: d.mode, start: d.start.type || d.start.filter ? d.start : undefined, return: d.back.type || d.back.filter ? d.back : undefined });
    case 'tile':
      return metric ? make({ ...common, metric: metric.slice(0, 1), group_by: undefined, interval: undefined, compare: d.compare ? 'previous' : undefined, goal: goalOf(d) }) : { missing: 'Choose a number.' };
    case 'line':
      return metric ? make({ ...common, metric: metric.slice(0, 1), group_by: undefined, interval: d.interval || intervalFor(d.from), compare: d.compare ? 'previous' : undefined, goal: goalOf(d) }) : { missing: 'Choose a number.' };
    default: {
      if (!metric) return { missing: 'Choose a number.' };
      const same = old?.kind === d.kind && (groupsOf(kept)[0] ?? '') === d.group; // more groups and an interval have no field
      const by = same && d.kind !== 'bar' ? { group_by: kept.group_by, interval: kept.interval } : { group_by: [d.group], interval: undefined };
      return d.group || by.interval ? make({ ...common, metric: d.kind === 'bar' ? metric.slice(0, 1) : metric, ...by, limit: d.limit, goal: goalOf(d) }) : { missing: 'Choose by what to group.' };
    }
  }
}

// The funnel of a view, as it stands in the address: the question's own JSON, without what is the default.

export type Step = { type: string; filter: string[]; goal: string; name: string };
export type Exclusion = { type: string; filter: string[]; after: number; before: number };
export const orders = ['ordered', 'strict', 'any'] as const;
export type Order = (typeof orders)[number];
export type FunnelState = { steps: Step[]; exclude: Exclusion[]; window: string; order: Order; breakdown: string };

export const maxSteps = 32;
export const minSteps = 2;
export const maxExclusions = 32;
export const defaultWindow = '24h';

const seconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
/** The most of a unit (s, m, h, d, w) that the time to finish may have: 366 days, as the server says. */
export const mostOf = (unit: string): number => Math.floor((366 * 86_400) / (seconds[unit] ?? 1));

const isWindow = (s: string): boolean => /^[1-9]\d{0,7}[smhdw]$/.test(s) && Number(s.slice(0, -1)) <= mostOf(s.slice(-1));

export const noStep: Step = { type: '', filter: [], goal: '', name: '' };

/** A funnel that one begins with: anything, then what is to be chosen. */
export const firstFunnel: FunnelState = { steps: [{ ...noStep, type: 'pageview' }, noStep], exclude: [], window: defaultWindow, order: 'ordered', breakdown: '' };

const object = (v: unknown): Record<string, unknown> => (typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Record<string, unknown>) : {});
const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
const str = (v: unknown): string => (typeof v === 'string' ? v : '');
const strings = (v: unknown): string[] => list(v).filter((x): x is string => typeof x === 'string');
const int = (v: unknown, otherwise: number): number => (typeof v === 'number' && Number.isInteger(v) ? v : otherwise);

/** The funnel of its text in an address. What cannot be read is the default. */
export function parseFunnel(text: string): FunnelState {
  let got: unknown;
  try {
    got = JSON.parse(text);
  } catch {
    return firstFunnel;
  }
  const o = object(got);
  const steps = list(o.steps)
    .slice(0, maxSteps)
    .map((s) => {
      const x = object(s);
      return { type: str(x.type), filter: strings(x.filter), goal: str(x.goal), name: str(x.name) };
    });
  while (steps.length < minSteps) steps.push(noStep);
  const exclude = list(o.exclude)
    .slice(0, maxExclusions)
    .map((e) => {
      const x = object(e);
      return { type: str(x.type), filter: strings(x.filter), after: int(x.after, 1), before: int(x.before, 2) };
    });
  return within({
    steps,
    exclude,
    window: isWindow(str(o.window)) ? str(o.window) : defaultWindow,
    order: orders.find((n) => n === o.order) ?? 'ordered',
    breakdown: str(o.breakdown),
  });
}

/** What is shown in place of a funnel, or of parts of it, that could not be read; undefined if all of it was. */
export function insteadOf(text: string): string | undefined {
  if (text === '') return undefined;
  try {
    const got: unknown = JSON.parse(text);
    if (object(got) !== got || !Array.isArray((got as { steps?: unknown }).steps)) return 'a new funnel';
    return contains(parseFunnel(text), got) ? undefined : 'what of the funnel could be read';
  } catch {
    return 'a new funnel';
  }
}

/** Whether all that was given is in what was understood of it. */
function contains(understood: unknown, given: unknown): boolean {
  if (Array.isArray(given)) return Array.isArray(understood) && given.length <= understood.length && given.every((g, i) => contains(understood[i], g));
  if (typeof given === 'object' && given !== null) return Object.entries(given).every(([k, v]) => Object.hasOwn(object(understood), k) && contains(object(understood)[k], v));
  return given === understood;
}

/** The text of a funnel in an address. */
export function writeFunnel(f: FunnelState): string {
  return JSON.stringify({
    steps: f.steps.map(stepOf),
    ...(f.exclude.length > 0 && { exclude: f.exclude.map((e) => ({ ...(e.type && { type: e.type }), ...(e.filter.length > 0 && { filter: e.filter }), after: e.after, before: e.before })) }),
    ...(f.window !== defaultWindow && { window: f.window }),
    ...(f.order !== 'ordered' && { order: f.order }),
    ...(f.breakdown && { breakdown: f.breakdown }),
  });
}

const stepOf = (s: Step) => ({ ...(s.goal ? { goal: s.goal } : s.type && { type: s.type }), ...(s.filter.length > 0 && { filter: s.filter }), ...(s.name && { name: s.name }) });

/** Whether a step or an exclusion says which events it means. */
export const says = (s: { type: string; filter: string[]; goal?: string }): boolean => s.type !== '' || s.filter.length > 0 || !!s.goal;

/** Exclusions lie between two steps that there are. */
function within(f: FunnelState): FunnelState {
  const n = f.steps.length;
  return {
    ...f,
    exclude: f.exclude.map((e) => {
      const after = Math.min(Math.max(e.after, 1), n - 1);
      return { ...e, after, before: Math.min(Math.max(e.before, after + 1), n) };
    }),
  };
}

/** The funnel with other steps. */
export const withSteps = (f: FunnelState, steps: Step[]): FunnelState => within({ ...f, steps });

/** Moves an element of a list. */
export function moved<T>(items: T[], from: number, to: number): T[] {
  const rest = items.filter((_, i) => i !== from);
  return [...rest.slice(0, to), items[from]!, ...rest.slice(to)];
}

/** What to ask; undefined while a step is not chosen yet. Exclusions that are not, are left out. `names` names each step. */
export function questionOf(f: FunnelState, names: (s: Step) => string) {
  if (!f.steps.every(says)) return undefined;
  const exclude = f.order === 'any' ? [] : f.exclude.filter(says);
  return {
    steps: f.steps.map((s) => ({ ...stepOf(s), name: clipped(names(s)) })),
    ...(exclude.length > 0 && { exclude: exclude.map((e) => ({ ...(e.type && { type: e.type }), filter: e.filter, after: e.after, before: e.before })) }),
    window: f.window,
    order: f.order,
    ...(f.breakdown && { breakdown: f.breakdown }),
  };
}

/** A text of at most 200 bytes of UTF-8, as names of steps must be. */
function clipped(s: string): string {
  const bytes = new TextEncoder();
  let out = s;
  while (bytes.encode(out).length > 200) out = [...out].slice(0, -1).join('');
  return out;
}

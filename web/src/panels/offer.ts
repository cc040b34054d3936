// What a card offers to a dashboard, and the panel that becomes of it.
import { asked, daysOf, intervals, type Preset } from '../state/range';
import { writeFilter } from '../state/filters';
import type { View } from '../state/url';
import { intervalFor, nextPlace, sizeOf, type Kind, type Panel } from './panel';

/** What is on offer: a title, and the kinds of panels that show it, the best one first, each with its part of the question. `range` says that its question has none of its own. */
export type Offer = { title: string; range?: false; choices: { kind: Kind; label: string; question: Record<string, unknown> }[] };

/** The length of time that comes nearest to a preset: panels go on with time, and know no months. */
const nearest: Record<Preset, string> = { today: 'today', yesterday: '24h', '24h': '24h', '7d': 'today-6d', '30d': 'today-29d', '90d': 'today-89d', month: 'today-29d', 'last-month': 'today-29d', '12mo': 'today-364d', year: 'today-364d' };

/** A range that stays where it is, as the days of the view. */
export const fixed = 'days';

/** The range that a panel has at first. */
export const firstRange = ({ range }: View): string => ('preset' in range ? nearest[range.preset] : 'last' in range ? `today-${range.last - 1}d` : fixed);

/** The days of the view, if they are over: they can be kept. */
export function keptDays(v: View, zone: string): { from: string; to: string } | undefined {
  return asked(v.range, zone).to === undefined ? undefined : daysOf(v.range, zone);
}

/** The panel of a choice: its question with the range and the filters of the view. It has no place yet. */
export function panelOf(choice: Offer['choices'][number], title: string, site: string, v: View, zone: string, range: string | undefined): Panel {
  const days = range === fixed ? keptDays(v, zone) : undefined;
  const own = Array.isArray(choice.question.filter) ? (choice.question.filter as string[]) : [];
  const filter = [...v.filters.map(writeFilter), ...own];
  const interval = days ? intervals({ from: days.from, to: days.to }, zone)[0] : intervalFor(range ?? 'today-6d');
  return {
    title,
    kind: choice.kind,
    site_id: site,
    question: {
      ...choice.question,
      ...(range !== undefined && (days ?? { from: range })),
      ...(choice.kind === 'line' && { interval }),
      filter: filter.length > 0 ? filter : undefined,
      ...(v.segment && { segment: v.segment }),
    },
  };
}

/** The panels with one more at the end: beside those of the last row, if there is room, else below everything. */
export const appended = (panels: Panel[], panel: Panel): Panel[] => [...panels, { ...panel, ...nextPlace(panels, sizeOf(panel)) }];

import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { writeFilter } from '../state/filters';
import { asked, askedBefore } from '../state/range';
import { useToday } from '../state/today';
import { useView } from '../state/url';
import { answer, client } from './client';
import type { components } from './schema';
import { useSite } from './site';

export type Question = components['schemas']['ReportBodyBody'];
export { number, text, type Row } from '../format/row';
export type Report = components['schemas']['Report'];

/** What all questions of a view have in common: range (or the time before it), filters, segment. */
export type Scope = { from: string; to?: string; filter?: string[]; segment?: string };

export function useScope(before = false): Scope {
  const { zone } = useSite();
  const [view] = useView();
  const day = useToday(zone); // presets are other dates when a new day begins
  return useMemo(
    () => ({
      ...(before ? askedBefore : asked)(view.range, zone),
      ...(view.filters.length > 0 && { filter: view.filters.map(writeFilter) }),
      ...(view.segment && { segment: view.segment }),
    }),
    // oxlint-disable-next-line react/exhaustive-deps
    [view, zone, before, day],
  );
}

/** Whether two questions have the same groups. The rows of other ones have no names in this one's columns: they must not stand in while its answer is waited for. */
export const sameGroups = (a: unknown, b: unknown): boolean => JSON.stringify((a as Question | undefined)?.group_by ?? []) === JSON.stringify((b as Question | undefined)?.group_by ?? []);

/** A report on the site of the view. Ranges that move with the clock are asked again each half minute while the page is looked at. */
export function useReport(question: Question, enabled = true) {
  const { id } = useSite();
  return useQuery({
    queryKey: ['report', id, question],
    enabled,
    queryFn: ({ signal }) => answer(client.POST('/api/v1/analytics/{site_id}/report', { params: { path: { site_id: id } }, body: question, signal })),
    placeholderData: (old, query) => (query?.queryKey[1] === id && sameGroups(query.queryKey[2], question) ? old : undefined),
    refetchInterval: /^\d{4}-/.test(question.to ?? '') ? false : 30_000,
  });
}

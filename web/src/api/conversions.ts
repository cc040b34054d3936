import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { answer, client } from './client';
import { useScope } from './report';
import type { components } from './schema';
import { useSite } from './site';

export type Conversions = components['schemas']['Goals'];
export type GoalCount = components['schemas']['GoalCount'];

/** How many goals one question takes. */
export const mostGoals = 50;

/** What came of goals, and the money of the site, in the range of the view, or in the time before it. */
export function useConversions(goal: string[], before = false, enabled = true) {
  const { id } = useSite();
  const question = { ...useScope(before), ...(goal.length > 0 && { goal }) };
  return useQuery({
    queryKey: ['conversions', id, question],
    enabled,
    placeholderData: keepPreviousData,
    refetchInterval: /^\d{4}-/.test(question.to ?? '') ? false : 30_000,
    queryFn: ({ signal }) => answer(client.POST('/api/v1/analytics/{site_id}/conversions', { params: { path: { site_id: id } }, body: question, signal })),
  });
}

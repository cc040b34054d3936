import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { answer, client } from './client';
import type { components } from './schema';
import { useSite } from './site';

export type FunnelQuestion = components['schemas']['FunnelQuery'];
export type Funnel = components['schemas']['Funnel'];
export type FunnelStep = components['schemas']['FunnelStep'];

/** A funnel of the site of the view. */
export function useFunnel(question: FunnelQuestion, enabled: boolean) {
  const { id } = useSite();
  return useQuery({
    queryKey: ['funnel', id, question],
    enabled,
    placeholderData: keepPreviousData,
    refetchInterval: /^\d{4}-/.test(question.to ?? '') ? false : 60_000,
    queryFn: ({ signal }) => answer(client.POST('/api/v1/analytics/{site_id}/funnel', { params: { path: { site_id: id } }, body: question, signal })),
  });
}

/** The people who reached a step, or who came to the step before and not to it; page by page. */
export function useFunnelPeople(question: FunnelQuestion, step: number, dropped: boolean) {
  const { id } = useSite();
  return useInfiniteQuery({
    queryKey: ['funnel-people', id, question, step, dropped],
    initialPageParam: '',
    queryFn: ({ signal, pageParam }) =>
      answer(client.POST('/api/v1/analytics/{site_id}/funnel/people', { params: { path: { site_id: id } }, body: { ...question, step, dropped, limit: 50, ...(pageParam && { cursor: pageParam }) }, signal })),
    getNextPageParam: (last) => last.next || undefined,
  });
}

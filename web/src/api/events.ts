import { useInfiniteQuery, useQuery, useQueryClient, type InfiniteData } from '@tanstack/react-query';
import { answer, client } from './client';
import type { Scope } from './report';
import type { components } from './schema';
import { useSite } from './site';

export type EventList = components['schemas']['EventList'];
export type Event = NonNullable<EventList['events']>[number];
export type EventQuestion = Scope & { bots?: string };

const page = 50;
const watched = 100;

/** What tells an event from others: its id, or of an event without one its moment, type and visitor. */
export const keyOf = (e: Event): string => e.event_id || [e.ts, e.type, e.client_id, e.path].join(' ');

/** The events of a question, the latest first, page by page. They stand still: what comes meanwhile is `useNewer`. */
export function useEvents(question: EventQuestion) {
  const { id } = useSite();
  return useInfiniteQuery({
    queryKey: ['events', id, question],
    queryFn: ({ pageParam, signal }) =>
      answer(client.POST('/api/v1/analytics/{site_id}/events', { params: { path: { site_id: id } }, body: { ...question, limit: page, ...(pageParam && { cursor: pageParam }) }, signal })),
    initialPageParam: '',
    getNextPageParam: (last) => last.next,
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    gcTime: 60_000,
  });
}

/** How many events came after the first that is shown (`more`: at least so many), asked every few seconds while `on`; `show` puts them there. */
export function useNewer(question: EventQuestion, shown: EventList | undefined, on: boolean): { count: number; more: boolean; show: () => void } {
  const { id } = useSite();
  const queries = useQueryClient();
  const latest = useQuery({
    queryKey: ['events-latest', id, question],
    enabled: on && shown !== undefined,
    refetchInterval: 5000,
    queryFn: ({ signal }) => answer(client.POST('/api/v1/analytics/{site_id}/events', { params: { path: { site_id: id } }, body: { ...question, limit: watched }, signal })),
  });
  const { count, more } = newerThan(latest.data, shown);
  return {
    count,
    more,
    show: () => {
      if (latest.data) queries.setQueryData<InfiniteData<EventList, string>>(['events', id, question], { pages: [latest.data], pageParams: [''] });
    },
  };
}

/** How many events of a later answer are not in an earlier one, before its first. */
export function newerThan(latest: EventList | undefined, shown: EventList | undefined): { count: number; more: boolean } {
  if (!latest || !shown) return { count: 0, more: false };
  const known = new Set((shown.events ?? []).map(keyOf));
  const first = (latest.events ?? []).findIndex((e) => known.has(keyOf(e)));
  const count = first < 0 ? (latest.events ?? []).length : first;
  return { count, more: first < 0 && latest.next !== undefined };
}

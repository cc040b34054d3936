import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, client } from './client';
import { useScope } from './report';
import type { components } from './schema';
import { useSite } from './site';

export type Session = components['schemas']['SessionDoc'];
export type SessionDetail = components['schemas']['SessionDetail'];
export type TimelineEvent = components['schemas']['TimelineEvent'];
export type Visitor = components['schemas']['Visitor'];
export type Person = components['schemas']['Person'];
export type Merge = components['schemas']['Merge'];

const pageSize = 50;

/** The sessions of the view, the latest first, page by page; what has begun meanwhile is asked for each half minute while only the first page is shown. */
export function useSessions() {
  const { id } = useSite();
  const scope = useScope();
  return useInfiniteQuery({
    queryKey: ['sessions', id, scope],
    initialPageParam: '',
    queryFn: ({ signal, pageParam }) =>
      answer(client.POST('/api/v1/analytics/{site_id}/sessions', { params: { path: { site_id: id } }, body: { ...scope, limit: pageSize, ...(pageParam && { cursor: pageParam }) }, signal })),
    getNextPageParam: (last) => last.next || undefined,
    refetchInterval: (q) => (scope.to === undefined && q.state.data?.pages.length === 1 ? 30_000 : false),
  });
}

/** One session with its events; a live one is asked for again. */
export function useSession(session: string) {
  const { id: site_id } = useSite();
  return useQuery({
    queryKey: ['session', site_id, session],
    queryFn: ({ signal }) => answer(client.GET('/api/v1/analytics/{site_id}/sessions/{id}', { params: { path: { site_id, id: session } }, signal })),
    refetchInterval: (q) => (q.state.data && !q.state.data.sealed ? 10_000 : false),
  });
}

/** What is known of a visitor. */
export function useVisitor(visitor: string) {
  const { id: site_id } = useSite();
  return useQuery({
    queryKey: ['visitor', site_id, visitor],
    queryFn: ({ signal }) => answer(client.POST('/api/v1/analytics/{site_id}/visitors', { params: { path: { site_id } }, body: { visitor }, signal })) // any id, also those that no path can have,
  });
}

/** Everything that is joined to an id. */
export function usePerson(id: string | undefined) {
  const { id: site_id } = useSite();
  return useQuery({
    queryKey: ['person', site_id, id],
    enabled: id !== undefined,
    queryFn: ({ signal }) => answer(client.GET('/api/v1/analytics/{site_id}/people', { params: { path: { site_id }, query: { id: id ?? '' } }, signal })),
  });
}

/** Undoes a merge, or restores one that was undone. Every answer about people is another one from then on. */
export function useChangeMerge() {
  const { id: site_id } = useSite();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ id: merge, undone }: Merge) => {
      const params = { params: { path: { site_id, merge } } };
      if (undone) await answer(client.POST('/api/v1/analytics/{site_id}/people/merges/{merge}/restore', params));
      else await answer(client.DELETE('/api/v1/analytics/{site_id}/people/merges/{merge}', params));
    },
    onSuccess: () => queries.invalidateQueries({ predicate: (q) => q.queryKey[1] === site_id }),
  });
}

import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, client } from './client';
import { useScope } from './report';
import type { components } from './schema';
import { useSite } from './site';

export type Health = components['schemas']['HealthDoc'];
export type HealthCounts = components['schemas']['HealthCounts'];
export type HealthHour = components['schemas']['HealthHour'];
export type Rejection = components['schemas']['HealthRejection'];
export type Seen = components['schemas']['HealthProperty'];
export type Poison = components['schemas']['QuarantineItem'];

/** The data health of the site in the range of the view, asked again each ten seconds while the page is looked at. */
export function useHealth() {
  const { id } = useSite();
  const { from, to } = useScope();
  return useQuery({
    queryKey: ['health', id, from, to],
    queryFn: ({ signal }) => answer(client.GET('/api/v1/analytics/{site_id}/health', { params: { path: { site_id: id }, query: { from, ...(to && { to }) } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: /^\d{4}-/.test(to ?? '') ? false : 10_000,
  });
}

/** Takes properties out of the tenant's schema: those that are named, or all that only senders without a key have sent. It gives how many. */
export function useForgetting() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (what: { name: string[] } | { public: true }) => (await answer(client.DELETE('/api/v1/schema/properties', { params: { query: what } }))).forgotten?.length ?? 0,
    onSettled: () => Promise.all([queries.invalidateQueries({ queryKey: ['health'] }), queries.invalidateQueries({ queryKey: ['sql', 'schema'] })]),
  });
}

/** Records of the log that cannot be decoded, as far as one looks after them. */
export const useQuarantine = (enabled: boolean) =>
  useQuery({ queryKey: ['quarantine'], enabled, queryFn: async ({ signal }) => (await answer(client.GET('/api/v1/quarantine', { signal }))).records ?? [], staleTime: 5_000 });

/** Replays or discards one of them. */
export function useQuarantineChange() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ id, discard }: { id: string; discard: boolean }) => {
      const params = { path: { id } };
      if (!discard) return (await answer(client.POST('/api/v1/quarantine/{id}/replay', { params }))).events;
      await answer(client.DELETE('/api/v1/quarantine/{id}', { params }));
      return 0;
    },
    onSettled: () => Promise.all([queries.invalidateQueries({ queryKey: ['quarantine'] }), queries.invalidateQueries({ queryKey: ['health'] })]),
  });
}

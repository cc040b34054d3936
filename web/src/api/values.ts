import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { answer, client } from './client';
import { useScope } from './report';
import { useSite } from './site';

/** The values of a column or property with the most events in the range of the view; `prefix` keeps those that begin so. */
export function useValues(dim: string, prefix = '', enabled = true, limit = 50) {
  const { id } = useSite();
  const { from, to } = useScope();
  const query = { dim, from, ...(to && { to }), ...(prefix && { prefix }), limit };
  return useQuery({
    queryKey: ['values', id, query],
    enabled,
    staleTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => (await answer(client.GET('/api/v1/analytics/{site_id}/values', { params: { path: { site_id: id }, query }, signal }))).values ?? [],
  });
}

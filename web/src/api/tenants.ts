import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, client } from './client';
import type { components } from './schema';

export type TenantRow = components['schemas']['TenantRow'];
export type Limits = components['schemas']['LimitsView'];
export type Sort = 'id' | 'name' | 'created' | 'events' | 'rejected' | 'rate' | 'stored' | 'amount';

/** Tenants with what they do today, page by page. */
export const useTenantsOverview = (search: string, sort: Sort, order: 'asc' | 'desc' | '') =>
  useInfiniteQuery({
    queryKey: ['operator', 'tenants', search, sort, order],
    initialPageParam: '',
    queryFn: ({ signal, pageParam }) =>
      answer(client.GET('/api/v1/operator/tenants', { params: { query: { sort, limit: 50, ...(search && { search }), ...(order && { order }), ...(pageParam && { cursor: pageParam }) } }, signal })),
    getNextPageParam: (last) => last.next || undefined,
    placeholderData: keepPreviousData,
  });

const as = (id: string) => ({ 'X-Weir-Tenant': id });

/** One tenant, its limits as they hold, and what became of its events in the last day. */
export const useTenant = (id: string) =>
  useQuery({
    queryKey: ['operator', 'tenant', id],
    queryFn: async ({ signal }) => {
      const [tenant, limits, usage] = await Promise.all([
        answer(client.GET('/api/v1/tenants/{tenant}', { params: { path: { tenant: id } }, signal })),
        answer(client.GET('/api/v1/limits', { headers: as(id), signal })),
        answer(client.GET('/api/v1/usage', { headers: as(id), signal })),
      ]);
      return { tenant, limits, total: usage.totals?.[0] };
    },
  });

/** Changes limits of a tenant; only those that are named. */
export function useLimitsChange(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (limits: Partial<Limits>) => answer(client.PATCH('/api/v1/tenants/{tenant}', { params: { path: { tenant: id } }, body: { limits } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['operator'] }),
  });
}

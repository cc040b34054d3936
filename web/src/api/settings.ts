import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, client, json } from './client';
import type { components } from './schema';
import { useMe } from './session';

type S = components['schemas'];
export type Source = S['SourceView'];
export type SourcePatch = S['SourcePatch'];
export type Key = S['KeyView'];
export type User = S['UserView'];
export type Mask = S['MaskView'];
export type PrivacyRule = S['PrivacyRuleRequest'];

/** The tenant of the page: that of the key or user, or the one for which an operator acts. */
export function useTenantId(): string {
  return useMe().data?.tenant ?? '';
}

const base = (tenant: string) => `/api/v1/tenants/${encodeURIComponent(tenant)}`;
const at = (...parts: string[]) => parts.map(encodeURIComponent).join('/');

export function useSources() {
  const tenant = useTenantId();
  return useQuery({ queryKey: ['settings', 'sources'], queryFn: async ({ signal }) => (await answer(client.GET('/api/v1/tenants/{tenant}/sources', { params: { path: { tenant } }, signal }))).sources ?? [] });
}

export function useKeys(enabled = true) {
  const tenant = useTenantId();
  return useQuery({ queryKey: ['settings', 'keys'], enabled, queryFn: async ({ signal }) => (await answer(client.GET('/api/v1/tenants/{tenant}/keys', { params: { path: { tenant } }, signal }))).keys ?? [] });
}

export function useUsers(enabled = true) {
  const tenant = useTenantId();
  return useQuery({ queryKey: ['settings', 'users'], enabled, queryFn: async ({ signal }) => (await answer(client.GET('/api/v1/tenants/{tenant}/users', { params: { path: { tenant } }, signal }))).users ?? [] });
}

export function usePolicy() {
  const tenant = useTenantId();
  return useQuery({ queryKey: ['settings', 'policy'], queryFn: ({ signal }) => answer(client.GET('/api/v1/tenants/{tenant}/policy', { params: { path: { tenant } }, signal })) });
}

export function useTenant() {
  const tenant = useTenantId();
  return useQuery({ queryKey: ['settings', 'tenant'], queryFn: ({ signal }) => answer(client.GET('/api/v1/tenants/{tenant}', { params: { path: { tenant } }, signal })) });
}

/** The limits that hold and what of them is used, as of the last seconds. */
export const useLimits = () => useQuery({ queryKey: ['settings', 'limits'], queryFn: ({ signal }) => answer(client.GET('/api/v1/limits', { signal })), refetchInterval: 3000 });

/** What arrived last, and what it was if it is the newest by its own time too: not an event of long ago, of an import, or of a clock that runs ahead. */
export type LastEvent = { received_at: string; type?: string; path?: string } | undefined;

/** The event of a site that arrived last; undefined while there is none. While one waits for the first it is asked for every two seconds. */
export const useLastEvent = (site: string, enabled = true) =>
  useQuery({
    queryKey: ['last-event', site],
    enabled,
    queryFn: async ({ signal }): Promise<{ last: LastEvent }> => {
      const path = { site_id: site };
      const [{ events }, { last_event_at }] = await Promise.all([
        answer(client.GET('/api/v1/analytics/{site_id}/events', { params: { path, query: { limit: 1, from: '400d', bots: 'include' } }, signal })),
        answer(client.GET('/api/v1/analytics/{site_id}/health', { params: { path, query: { from: '1h' } }, signal })),
      ]);
      const newest = (events as unknown as LastEvent[] | null)?.[0];
      const later = last_event_at !== undefined && Date.parse(last_event_at) > Date.parse(newest?.received_at ?? '1970-01-01') + 1000;
      return { last: later ? { received_at: last_event_at } : newest };
    },
    refetchInterval: (q) => {
      const last = q.state.data?.last;
      const soon = last && !last.type && Date.now() - Date.parse(last.received_at) < 10_000; // it is counted before it can be seen
      return (q.state.data && !last) || soon ? 2000 : 30_000;
    },
  });

/** The columns and properties of the tenant's events, for suggestions; `certain`: they have no other properties. */
export const useSchemaNames = (enabled = true) =>
  useQuery({
    queryKey: ['settings', 'schema'],
    enabled,
    staleTime: 30_000,
    queryFn: async ({ signal }) => {
      const s = await answer(client.GET('/api/v1/schema', { signal }));
      const certain = s.complete && s.left_out.values === 0 && s.left_out.public.values === 0;
      return { columns: (s.columns ?? []).map((c) => c.name), properties: (s.properties ?? []).map((p) => p.name), certain };
    },
  });

type Change = { path: string; method: 'POST' | 'PATCH' | 'DELETE'; body?: unknown };

/**
 * One change of the tenant's settings; everything that shows them is asked again after it. The promise is the answer, or fails with a Problem. `onMade` gets the
 * answer before anything is asked again, and also when who asked is not shown any more: what is shown only once must not be lost.
 */
export function useChange<T = unknown>(onMade?: (made: T) => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ path, method, body }: Change) => json<T>(path, { method, ...(body !== undefined && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }) }),
    onSuccess: onMade,
    onSettled: () => Promise.all([queries.invalidateQueries({ queryKey: ['settings'] }), queries.invalidateQueries({ queryKey: ['sites'] })]),
  });
}

const sameMask = (a: Mask, b: Mask) => a.column === b.column && a.action === b.action && [...(a.roles ?? [])].sort().join() === [...(b.roles ?? [])].sort().join();

/** The masks with one more, or without one. */
export const changedMasks = (masks: Mask[], { add, remove }: { add?: Mask; remove?: Mask }): Mask[] => {
  const rest = masks.filter((m) => !(remove && sameMask(m, remove)) && !(add && sameMask(m, add)));
  return add ? [...rest, add] : rest;
};

/** Adds or removes a mask. weir takes all of them at once: they are read anew first, so that what somebody else changed meanwhile stays. */
export function useChangeMasks() {
  const tenant = useTenantId();
  const change = useChange();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (what: { add?: Mask; remove?: Mask }) => {
      const { masks, masks_version } = await answer(client.GET('/api/v1/tenants/{tenant}/policy', { params: { path: { tenant } } }));
      return change.mutateAsync(changes(tenant).setMasks(changedMasks(masks ?? [], what), masks_version));
    },
    onError: () => queries.invalidateQueries({ queryKey: ['settings', 'policy'] }),
  });
}

/** The changes that there are, of a tenant. */
export const changes = (tenant: string) => ({
  createSource: (body: { id: string } & SourcePatch): Change => ({ path: `${base(tenant)}/sources`, method: 'POST', body }),
  updateSource: (id: string, body: SourcePatch): Change => ({ path: `${base(tenant)}/${at('sources', id)}`, method: 'PATCH', body }),
  deleteSource: (id: string): Change => ({ path: `${base(tenant)}/${at('sources', id)}`, method: 'DELETE' }),
  createKey: (body: { role: string; name: string; expires?: string; source?: string }): Change => ({ path: `${base(tenant)}/keys`, method: 'POST', body }),
  rotateKey: (id: string, body: { overlap: string; never?: boolean; expires?: string }): Change => ({ path: `${base(tenant)}/${at('keys', id)}/rotate`, method: 'POST', body }),
  deleteKey: (id: string): Change => ({ path: `${base(tenant)}/${at('keys', id)}`, method: 'DELETE' }),
  createUser: (body: { email: string; name: string; role: string; password: string }): Change => ({ path: `${base(tenant)}/users`, method: 'POST', body }),
  updateUser: (id: string, body: { role?: string; name?: string; password?: string }): Change => ({ path: `${base(tenant)}/${at('users', id)}`, method: 'PATCH', body }),
  deleteUser: (id: string): Change => ({ path: `${base(tenant)}/${at('users', id)}`, method: 'DELETE' }),
  setMasks: (masks: Mask[], masks_version: string): Change => ({ path: `${base(tenant)}/policy`, method: 'PATCH', body: { masks, masks_version } }),
  setWebhook: (webhook: string): Change => ({ path: `${base(tenant)}/policy`, method: 'PATCH', body: { budget: { webhook } } }),
  setTimeout: (session_timeout: string): Change => ({ path: base(tenant), method: 'PATCH', body: { settings: { session_timeout } } }),
});

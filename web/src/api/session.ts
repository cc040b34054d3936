import { useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, client, json } from './client';
import { actFor, forget, keepKey } from './credentials';
import { forgetAnswers, forgetEnded, hasEnded } from './queries';
import type { components } from './schema';

export type Me = components['schemas']['MeOutputBody'];
export type Role = 'viewer' | 'analyst' | 'admin' | 'operator' | 'writer';
const rank: Record<string, number> = { viewer: 1, analyst: 2, admin: 3, operator: 4 };

/** Whether a role may what at least the other one may. */
export const may = (me: Me | undefined, least: Role): boolean => (rank[me?.role ?? ''] ?? 0) >= (rank[least] ?? 9);

/** Who one is; an error of status 401 means: nobody yet. It is asked whenever one comes back to the page: another tab may have changed it. */
export const useMe = () =>
  useQuery({ queryKey: ['me'], queryFn: ({ signal }) => answer(client.GET('/api/v1/me', { signal })), staleTime: 5 * 60_000, refetchOnWindowFocus: 'always', retry: false });

/** The ways to sign in that this server has. */
export const useSignInOptions = () => useQuery({ queryKey: ['sign-in'], queryFn: ({ signal }) => answer(client.GET('/api/v1/sign-in', { signal })), staleTime: Infinity });

/** Whether one was signed in until the server no longer took the session or the key. */
export const useEnded = (): boolean => hasEnded(useQueryClient());

/** What signs in and out; each throws a Problem, and leaves everything asked before forgotten. */
export function useSigning() {
  const queries = useQueryClient();
  const start = async () => {
    forgetAnswers(queries);
    forgetEnded(queries); // what was asked while the session ended was refused
    await queries.resetQueries({ queryKey: ['me'] });
  };
  return {
    password: async (tenant: string, email: string, password: string) => {
      forget();
      await json('/api/v1/session', { method: 'POST', body: JSON.stringify({ ...(tenant && { tenant }), email, password }) });
      await start();
    },
    key: async (key: string) => {
      forget();
      const me = await json<Me>('/api/v1/me', { headers: { Authorization: `Bearer ${key}` } });
      keepKey(key);
      await start();
      return me;
    },
    actFor: async (tenant: string | undefined) => {
      actFor(tenant);
      await start();
    },
    out: async () => {
      await json('/api/v1/session', { method: 'DELETE' }).catch(() => undefined); // there may be none: a key has no session
      forget();
      await start();
    },
  };
}

/** The tenants, for operators. */
export const useTenants = (enabled: boolean) =>
  useQuery({ queryKey: ['tenants'], enabled, queryFn: ({ signal }) => answer(client.GET('/api/v1/tenants', { signal })), staleTime: 60_000 });

export type Site = components['schemas']['SiteView'];

/** The sites that one may read. */
export const useSites = (enabled: boolean) =>
  useQuery({ queryKey: ['sites'], enabled, queryFn: async ({ signal }) => (await answer(client.GET('/api/v1/sites', { signal }))).sites ?? [], staleTime: 60_000 });

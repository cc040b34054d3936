import { QueryCache, QueryClient } from '@tanstack/react-query';
import { asProblem } from './problem';
import type { components } from './schema';

type Me = components['schemas']['MeOutputBody'];

/** Whose answers one gets: another person, or the same one for another tenant, gets others. */
export const identity = (me: Me): string => JSON.stringify([me.actor, me.tenant ?? '', me.role]);

/** Removes all answers but who one is and how to sign in. */
export const forgetAnswers = (queries: QueryClient) => queries.removeQueries({ predicate: (q) => q.queryKey[0] !== 'me' && q.queryKey[0] !== 'sign-in' });

/** Asks again what had no answer while the server could not be reached. Statements of SQL never run again by themselves: each run is charged. */
export const askAgain = (queries: QueryClient) =>
  queries.refetchQueries({ type: 'active', predicate: ({ queryKey: [of, what], state }) => !(of === 'sql' && what === 'result') && [state.error, state.fetchFailureReason].some((e) => e !== null && asProblem(e).passing) });

const ended = new WeakSet<QueryClient>();

/** Whether one was signed in until the server no longer took the session or the key. */
export const hasEnded = (queries: QueryClient): boolean => ended.has(queries);

/** Forgets that: one has signed in or out by oneself, or acts for another tenant. */
export const forgetEnded = (queries: QueryClient) => ended.delete(queries);

/** One client for all questions: what may pass is tried again, a session that has ended leads to the sign-in page. */
export function makeQueries(): QueryClient {
  let who: string | undefined;
  const queries: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      // Another tab may have signed in as somebody else: the browser's cookie is that one's now, and nothing of the one before is shown.
      onSuccess: (data, query) => {
        if (query.queryKey[0] !== 'me') return;
        const now = identity(data as Me);
        if (who !== undefined && who !== now) forgetAnswers(queries);
        who = now;
        ended.delete(queries);
      },
      onError: (e, query) => {
        if (asProblem(e).status !== 401 || query.queryKey[0] === 'me') return;
        if (who !== undefined) ended.add(queries);
        void queries.resetQueries({ queryKey: ['me'] });
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        networkMode: 'always', // without a network a question fails and says so; it does not wait in silence
        // A server that cannot be reached is said at once: it is watched (reach), and what it left unanswered is asked again when it is back.
        retry: (n, e) => asProblem(e).passing && n < (asProblem(e).status === 0 ? 1 : 3),
        retryDelay: (n, e) => (asProblem(e).status === 0 ? 300 : (asProblem(e).retryAfter ?? Math.min(8, 2 ** n)) * 1000),
        refetchOnWindowFocus: true,
      },
    },
  });
  return queries;
}

import { QueryCache, QueryClient } from '@tanstack/react-query';
import { asProblem } from './problem';

/** One client for all questions: what may pass is tried again, a session that has ended leads to the sign-in page. */
export function makeQueries(): QueryClient {
  const queries = new QueryClient({
    queryCache: new QueryCache({
      onError: (e, query) => {
        if (asProblem(e).status === 401 && query.queryKey[0] !== 'me') void queries.resetQueries({ queryKey: ['me'] });
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        networkMode: 'always', // without a network a question fails and says so; it does not wait in silence
        retry: (n, e) => asProblem(e).passing && n < 3,
        retryDelay: (n, e) => (asProblem(e).retryAfter ?? Math.min(8, 2 ** n)) * 1000,
        refetchOnWindowFocus: true,
      },
    },
  });
  return queries;
}

import { expect, test } from 'vitest';
import { makeQueries } from './queries';

test('nothing of another person or tenant stays', async () => {
  const queries = makeQueries();
  const is = (actor: string, tenant: string) => queries.fetchQuery({ queryKey: ['me'], queryFn: () => ({ actor, tenant, role: 'admin' }), staleTime: 0 });
  await is('user:a', 'acme');
  queries.setQueryData(['report'], 1);
  queries.setQueryData(['sign-in'], 2);
  await is('user:a', 'acme');
  expect(queries.getQueryData(['report'])).toBe(1);
  await is('user:a', 'other');
  expect([queries.getQueryData(['report']), queries.getQueryData(['sign-in'])]).toEqual([undefined, 2]);
  queries.setQueryData(['report'], 3);
  await queries.resetQueries({ queryKey: ['me'] }); // the session has ended
  await is('user:b', 'other');
  expect(queries.getQueryData(['report'])).toBeUndefined();
});

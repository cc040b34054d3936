import { expect, test } from 'vitest';
import { QueryObserver } from '@tanstack/react-query';
import { askAgain, makeQueries } from './queries';
import { Problem } from './problem';

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

test('what had no answer is asked again when the server is back; answers, refusals and charged statements are not', async () => {
  const queries = makeQueries();
  const asked: Record<string, number> = {};
  const down = new Problem(0, 'unreachable', 'no server');
  const make = (queryKey: string[], error?: Problem) =>
    new QueryObserver(queries, {
      queryKey,
      retry: false,
      queryFn: () => {
        const name = queryKey.join(' ');
        asked[name] = (asked[name] ?? 0) + 1;
        return error ? Promise.reject(error) : Promise.resolve(1);
      },
    }).subscribe(() => undefined);
  const stops = [make(['report'], down), make(['sites']), make(['goals'], new Problem(422, 'no', 'refused')), make(['sql', 'result'], down)];
  await new Promise((done) => setTimeout(done));
  await askAgain(queries);
  expect(asked).toEqual({ report: 2, sites: 1, goals: 1, 'sql result': 1 });
  stops.forEach((stop) => stop());
});

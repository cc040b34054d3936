import { afterEach, expect, test, vi } from 'vitest';
import { estimateOf } from './sql';
import { Problem } from './problem';

afterEach(() => vi.unstubAllGlobals());

test('what is wrong with a statement comes with its estimate, and is no failed request', async () => {
  let asked: Request | undefined;
  let body: unknown;
  vi.stubGlobal('sessionStorage', { getItem: () => null });
  vi.stubGlobal('location', { origin: 'http://weir.test' });
  vi.stubGlobal('fetch', async (r: Request) => ((asked = r), Response.json(body)));
  const estimate = () => estimateOf('SELECT 1', new AbortController().signal);
  body = { estimate: { rows: 7 } };
  expect(await estimate()).toEqual({ rows: 7 });
  expect(asked?.headers.get('Prefer')).toBe('handling=lenient');
  body = { estimate: null, problem: { status: 400, code: 'query_syntax', detail: 'line 1, column 2: no', field: 'sql' } };
  const failed = await estimate().catch((e: unknown) => e);
  expect(failed).toBeInstanceOf(Problem);
  expect(failed).toMatchObject({ status: 400, code: 'query_syntax', detail: 'line 1, column 2: no', field: 'sql' });
});

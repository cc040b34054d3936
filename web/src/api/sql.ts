import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, client, json, send } from './client';
import { Problem } from './problem';
import type { components } from './schema';

export type Column = { name: string; type: string };
export type Cost = { amount: number; currency: string; cpu_seconds: number; memory_bytes: number; rows_read: number; bytes_read: number; budget_remaining?: number };
export type Result = { sql: string; columns: Column[]; rows: unknown[][]; seconds: number; cost: Cost; cached: boolean; asOf: string };
export type Estimate = { rows: number; bytes: number; class: string; amount: number; currency: string; cpu_seconds: number; learned: boolean; measured: boolean };

const path = '/api/v1/query';

/** The most bytes of an answer that a page takes: what is longer is for files. */
export const maxAnswer = 48e6;

const body = (b: object) => ({ method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(b) });

async function ask(b: object, signal: AbortSignal, headers?: Record<string, string>): Promise<Response> {
  const request = body(b);
  let res: Response;
  try {
    res = await send(new URL(path, location.origin).href, { ...request, headers: { ...request.headers, ...headers }, signal });
  } catch (e) {
    throw e instanceof DOMException && e.name === 'AbortError' ? e : Problem.unreachable(e);
  }
  if (!res.ok) throw Problem.from(res, await res.json().catch(() => undefined));
  return res;
}

const tooLong = () => new Problem(422, 'too_long_for_page', `the answer has more than ${maxAnswer / 1e6} MB, the most that the page shows; add a LIMIT, or run and export it as a file`);

async function textOf(res: Response): Promise<string> {
  const reader = res.body!.pipeThrough(new TextDecoderStream()).getReader();
  const parts: string[] = [];
  for (let n = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return parts.join('');
    n += value.length;
    if (n > maxAnswer) {
      await reader.cancel();
      throw tooLong();
    }
    parts.push(value);
  }
}

const wide = /\bU?Int(64|128|256)\b/;
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Puts whole numbers that a double cannot hold into quotes, so that they stay as they were sent. */
const exactly = (text: string) => (/\d{16}/.test(text) ? text.replace(stringOrNumber, (t) => (/^-?\d{16,}$/.test(t) && !Number.isSafeInteger(Number(t)) ? `"${t}"` : t)) : text);

/** The result of the text of an answer. */
export function parseResult(sql: string, text: string, cached: boolean): Result {
  type Answer = { meta: Column[]; data: unknown[][]; statistics?: { elapsed: number }; cost: Cost; as_of: string };
  let a: Answer;
  try {
    a = JSON.parse(text) as Answer;
    if (a.meta.some((c) => wide.test(c.type))) a = JSON.parse(exactly(text)) as Answer;
  } catch {
    throw new Problem(422, 'cut_off', 'the answer was cut off at a limit of the server (query.timeout, query.max_result or result_bytes); add a LIMIT, or narrow the range of ts');
  }
  return { sql, columns: a.meta, rows: a.data, seconds: a.statistics?.elapsed ?? 0, cost: a.cost, cached, asOf: a.as_of };
}

/** Runs a statement. An aborted one ends in the engine, too. */
export async function runStatement(sql: string, signal: AbortSignal): Promise<Result> {
  const res = await ask({ sql, format: 'JSONCompact' }, signal);
  return parseResult(sql, await textOf(res), res.headers.get('X-Weir-Cache') === 'hit');
}

/** The answer as a file. */
export const exportStatement = async (sql: string, format: 'CSVWithNames' | 'Parquet', signal: AbortSignal): Promise<Blob> => (await ask({ sql, format }, signal)).blob();

/** What a statement is expected to read and cost. What is wrong with it comes with status 200, so that half a statement is no failed request in the browser's console. */
export async function estimateOf(sql: string, signal: AbortSignal): Promise<Estimate> {
  const res = await ask({ sql, dry_run: true }, signal, { Prefer: 'handling=lenient' });
  const { estimate, problem } = (await res.json()) as { estimate: Estimate | null; problem?: { status: number } };
  if (!estimate) throw Problem.from({ status: problem?.status ?? res.status, statusText: '', headers: res.headers }, problem);
  return estimate;
}

/** What a statement is expected to read and cost; an error is what is wrong with it. */
export const useEstimate = (sql: string) =>
  useQuery({
    queryKey: ['sql', 'estimate', sql],
    enabled: sql.trim() !== '',
    queryFn: ({ signal }) => estimateOf(sql, signal),
    retry: false,
    staleTime: 60_000,
    refetchOnWindowFocus: false,
  });

export type Relation = { name: string; columns: Column[] };

/** The relations that a statement may read, with their columns, and the functions that it may use. */
export const useSQLSchema = () =>
  useQuery({
    queryKey: ['sql', 'schema'],
    staleTime: 5 * 60_000,
    queryFn: async ({ signal }): Promise<{ relations: Relation[]; functions: string[] }> => {
      const [columns, functions] = await Promise.all([runStatement('SELECT table, name, type FROM system.columns ORDER BY table, position', signal), runStatement('SELECT DISTINCT name FROM system.functions ORDER BY name', signal)]);
      const by = new Map<string, Column[]>();
      for (const [table, name, type] of columns.rows as [string, string, string][]) by.set(table, [...(by.get(table) ?? []), { name, type }]);
      const rank = (n: string) => (n === 'events' ? 0 : n === 'sessions' ? 1 : n.startsWith('rollup_') ? 3 : 2);
      return { relations: [...by].map(([name, columns]) => ({ name, columns })).sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name)), functions: functions.rows.map((r) => String(r[0])) };
    },
  });

export type SavedQuery = components['schemas']['QueryView'];

/** The tenant's saved queries, by name. */
export const useSavedQueries = () => useQuery({ queryKey: ['sql', 'saved'], queryFn: async ({ signal }) => (await answer(client.GET('/api/v1/queries', { signal }))).queries ?? [], staleTime: 30_000 });

/** Keeps, changes and deletes saved queries. */
export function useSaving() {
  const queries = useQueryClient();
  const onSettled = () => queries.invalidateQueries({ queryKey: ['sql', 'saved'] });
  return {
    save: useMutation({
      mutationFn: (q: { id?: string; name?: string; sql?: string }) => json<SavedQuery>(q.id ? `/api/v1/queries/${q.id}` : '/api/v1/queries', { ...body({ name: q.name, sql: q.sql }), method: q.id ? 'PATCH' : 'POST' }),
      onSettled,
    }),
    remove: useMutation({ mutationFn: (id: string) => json(`/api/v1/queries/${id}`, { method: 'DELETE' }), onSettled }),
  };
}

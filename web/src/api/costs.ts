import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { answer, client, send } from './client';
import { Problem } from './problem';
import type { components } from './schema';

export type Costs = components['schemas']['CostsOutputBody'];
export type CostLine = components['schemas']['Line'];
export type Budget = components['schemas']['BudgetView'];
export type Span = { from: string; to?: string };

/** What the work of the tenant cost, told apart by these; at most ten seconds old, and asked again while it is looked at. */
export const useCosts = (by: string, span: Span, limit = 1000) =>
  useQuery({
    queryKey: ['costs', by, span, limit],
    queryFn: ({ signal }) => answer(client.GET('/api/v1/costs', { params: { query: { by, ...span, limit } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: span.to ? false : 15_000,
  });

/** The budget with where its notices go and the key that signs them. It is an error to ask where there is none: the costs say whether there is one. */
export const useBudget = () => useQuery({ queryKey: ['settings', 'budget'], queryFn: ({ signal }) => answer(client.GET('/api/v1/budget', { signal })) });

/** The costs as a file in the columns of FOCUS 1.0. */
export async function exportCosts(format: 'csv' | 'parquet', granularity: 'hour' | 'day', span: Span): Promise<Blob> {
  const q = new URLSearchParams({ format, granularity, ...span });
  let res: Response;
  try {
    res = await send(new URL(`/api/v1/costs/export?${q}`, location.origin).href);
  } catch (e) {
    throw Problem.unreachable(e);
  }
  if (!res.ok) throw Problem.from(res, await res.json().catch(() => undefined));
  return res.blob();
}

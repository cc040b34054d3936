import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { answer, client } from './client';
import type { components } from './schema';
import { useSite } from './site';

export type PathsQuestion = components['schemas']['PathsQuery'];
export type Paths = components['schemas']['Paths'];
export type PathNode = components['schemas']['PathNode'];

/** Where people go from an anchor, or come from. */
export function usePaths(question: PathsQuestion, enabled: boolean) {
  const { id } = useSite();
  return useQuery({
    queryKey: ['paths', id, question],
    enabled,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => answer(client.POST('/api/v1/analytics/{site_id}/paths', { params: { path: { site_id: id } }, body: question, signal })),
    refetchInterval: /^\d{4}-/.test(question.to ?? '') ? false : 60_000,
  });
}

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { answer, client } from './client';
import type { components } from './schema';
import { useSite } from './site';

export type RetentionQuestion = components['schemas']['RetentionBodyBody'];
export type Retention = components['schemas']['RetentionAnswer'];

/** Who comes back to the site of the view. */
export function useRetention(question: RetentionQuestion) {
  const { id } = useSite();
  return useQuery({
    queryKey: ['retention', id, question],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => answer(client.POST('/api/v1/analytics/{site_id}/retention', { params: { path: { site_id: id } }, body: question, signal })),
    refetchInterval: 5 * 60_000,
  });
}

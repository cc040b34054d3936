import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, client } from './client';
import type { components } from './schema';
import { useSite } from './site';

export type Goal = components['schemas']['GoalView'];
export type Segment = components['schemas']['SegmentView'];
export type Cohort = components['schemas']['CohortView'];
export type GoalFields = components['schemas']['GoalPatch'];

const minutes = 5 * 60_000;

/** The saved goals of the site, by name. */
export function useGoals(enabled = true) {
  const { id } = useSite();
  return useQuery({
    queryKey: ['goals', id],
    enabled,
    staleTime: minutes,
    queryFn: async ({ signal }) => (await answer(client.GET('/api/v1/analytics/{site_id}/goals', { params: { path: { site_id: id } }, signal }))).goals ?? [],
  });
}

/** The saved segments of the site, by name. */
export function useSegments(enabled = true) {
  const { id } = useSite();
  return useQuery({
    queryKey: ['segments', id],
    enabled,
    staleTime: minutes,
    queryFn: async ({ signal }) => (await answer(client.GET('/api/v1/analytics/{site_id}/segments', { params: { path: { site_id: id } }, signal }))).segments ?? [],
  });
}

/** The saved cohorts of the site, by name. */
export function useCohorts(enabled = true) {
  const { id } = useSite();
  return useQuery({
    queryKey: ['cohorts', id],
    enabled,
    staleTime: minutes,
    queryFn: async ({ signal }) => (await answer(client.GET('/api/v1/analytics/{site_id}/cohorts', { params: { path: { site_id: id } }, signal }))).cohorts ?? [],
  });
}

/** Asks everything about the site anew: questions name what is saved by its id, and their answers change with it. */
function useAnew() {
  const { id } = useSite();
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ predicate: (q) => q.queryKey[1] === id });
}

/** Makes a goal, or changes one that has an id. What names it is asked anew. */
export function useSaveGoal() {
  const { id: site_id } = useSite();
  return useMutation({
    mutationFn: ({ id, ...body }: GoalFields & { id?: string }) =>
      id === undefined
        ? answer(client.POST('/api/v1/analytics/{site_id}/goals', { params: { path: { site_id } }, body }))
        : answer(client.PATCH('/api/v1/analytics/{site_id}/goals/{id}', { params: { path: { site_id, id } }, body })),
    onSuccess: useAnew(),
  });
}

/** Deletes a goal, a segment or a cohort. */
export function useDeleteSaved(kind: 'goals' | 'segments' | 'cohorts') {
  const { id: site_id } = useSite();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => answer(client.DELETE(`/api/v1/analytics/{site_id}/${kind}/{id}`, { params: { path: { site_id, id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: [kind, site_id] }),
  });
}

/** Saves filters as a segment, or changes one that has an id. What names it is asked anew. */
export function useSaveSegment() {
  const { id: site_id } = useSite();
  return useMutation({
    mutationFn: ({ id, ...body }: { id?: string; name: string; filter: string[] }) =>
      id === undefined
        ? answer(client.POST('/api/v1/analytics/{site_id}/segments', { params: { path: { site_id } }, body }))
        : answer(client.PATCH('/api/v1/analytics/{site_id}/segments/{id}', { params: { path: { site_id, id } }, body })),
    onSuccess: useAnew(),
  });
}

/** Saves people as a cohort, or changes one that has an id. What names it is asked anew. */
export function useSaveCohort() {
  const { id: site_id } = useSite();
  return useMutation({
    mutationFn: ({ id, ...body }: { id?: string; name: string; question?: Cohort['question'] }) =>
      id === undefined
        ? answer(client.POST('/api/v1/analytics/{site_id}/cohorts', { params: { path: { site_id } }, body }))
        : answer(client.PATCH('/api/v1/analytics/{site_id}/cohorts/{id}', { params: { path: { site_id, id } }, body })),
    onSuccess: useAnew(),
  });
}

import { queryOptions, useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import type { Panel } from '../panels/panel';
import type { Money } from '../format/currencies';
import type { PanelData } from '../panels/PanelView';
import { aboutMoney, inOneCurrency, mixes } from '../panels/revenue';
import { answer, client } from './client';
import { asProblem } from './problem';
import { sameGroups } from './report';
import type { components } from './schema';
import { runStatement } from './sql';

export type Dashboard = components['schemas']['DashboardView'];
export type DashboardHead = components['schemas']['DashboardHead'];
export type Embed = components['schemas']['EmbedOutputBody'];

const one = (id: string) => ['dashboards', id];

/** The saved dashboards of the tenant, by name. */
export const useDashboards = (enabled = true) =>
  useQuery({ queryKey: ['dashboards'], enabled, queryFn: async ({ signal }) => (await answer(client.GET('/api/v1/dashboards', { signal }))).dashboards ?? [] });

/** A dashboard with its panels. */
export const useDashboard = (id: string, enabled = true) =>
  useQuery({ queryKey: one(id), enabled, queryFn: ({ signal }) => answer(client.GET('/api/v1/dashboards/{id}', { params: { path: { id } }, signal })), retry: false });

/** What is saved of a dashboard: a new one without an id; else the one whose `version` was read, which fails (409) when somebody saved it meanwhile. */
export function useSaveDashboard() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, version, name, panels }: { id?: string; version?: number; name: string; panels: Panel[] }): Promise<Dashboard> =>
      id === undefined || version === undefined
        ? answer(client.POST('/api/v1/dashboards', { body: { name, panels } }))
        : answer(client.PUT('/api/v1/dashboards/{id}', { params: { path: { id } }, body: { name, panels, version } })),
    onSuccess: async (d) => {
      await queries.cancelQueries({ queryKey: one(d.id), exact: true }); // what is being read may be from before
      queries.setQueryData(one(d.id), d);
      await queries.invalidateQueries({ queryKey: ['dashboards'], exact: true });
    },
  });
}

export function useDeleteDashboard() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => answer(client.DELETE('/api/v1/dashboards/{id}', { params: { path: { id } } })),
    onSuccess: (_, id) => {
      queries.removeQueries({ queryKey: one(id) });
      return queries.invalidateQueries({ queryKey: ['dashboards'], exact: true });
    },
  });
}

/** A link that opens one saved panel for a while, to whoever has it. */
export const useMakeEmbed = () =>
  useMutation({ mutationFn: (body: { dashboard: string; panel: string; expires: string }) => answer(client.POST('/api/v1/embeds', { body })) });

/** A panel as it is asked: `range` replaces its question's own. */
export const within = (panel: Panel, range?: { from: string; to?: string }): Panel => (range && panel.kind !== 'sql' ? { ...panel, question: { ...panel.question, to: undefined, ...range } } : panel);

/** The revenue by currency of what a panel is about; undefined where that cannot be asked: its filters may be of visits. */
async function moneyOf(panel: Panel, signal: AbortSignal): Promise<Money[] | undefined> {
  const asked = client.POST('/api/v1/analytics/{site_id}/conversions', { params: { path: { site_id: panel.site_id ?? '' } }, headers: lenient, body: aboutMoney(panel.question), signal });
  return answer(asked).then(
    (a) => a.revenue ?? [],
    (e: unknown) => {
      if (asProblem(e).status === 422) return undefined;
      throw e;
    },
  );
}

/** A property whose first event has not come yet breaks no panel. */
const lenient = { Prefer: 'handling=lenient' };

function optionsOf(panel: Panel) {
  const site = panel.site_id ?? '';
  const question = panel.question;
  return queryOptions({
    queryKey: ['panel', panel.kind, site, question],
    refetchInterval: panel.kind === 'sql' ? false : 60_000,
    ...(panel.kind === 'sql' && { staleTime: Infinity, refetchOnWindowFocus: false }), // each run is charged
    queryFn: async ({ signal }): Promise<PanelData> => {
      const params = { path: { site_id: site } };
      switch (panel.kind) {
        case 'sql':
          return runStatement(String(question.sql ?? ''), signal);
        case 'funnel':
          return answer(client.POST('/api/v1/analytics/{site_id}/funnel', { params, headers: lenient, body: question, signal }));
        case 'retention':
          return answer(client.POST('/api/v1/analytics/{site_id}/retention', { params, headers: lenient, body: question, signal }));
        default: {
          const money = mixes(panel) ? await moneyOf(panel, signal) : undefined;
          const got = await answer(client.POST('/api/v1/analytics/{site_id}/report', { params, headers: lenient, body: inOneCurrency(panel, money).question, signal }));
          return { ...got, ...(money && { money }) };
        }
      }
    },
  });
}

/** The answer to a panel's question; of revenue in several currencies, that of the largest one. */
export const usePanel = (panel: Panel) =>
  useQuery({
    ...optionsOf(panel),
    // another kind's or site's answer says nothing about this one, nor one about other groups
    placeholderData: (old, query) => (query?.queryKey[1] === panel.kind && query.queryKey[2] === (panel.site_id ?? '') && sameGroups(query.queryKey[3], panel.question) ? old : undefined),
  });

/** The answers that panels have by now, undefined where there is none. It asks nothing: usePanel does. */
export const usePanelAnswers = (panels: Panel[]): (PanelData | undefined)[] => useQueries({ queries: panels.map((p) => ({ ...optionsOf(p), enabled: false })) }).map((q) => q.data);

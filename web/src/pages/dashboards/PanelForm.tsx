import { Button, Checkbox, Group, MultiSelect, NumberInput, SegmentedControl, Select, Stack, Textarea, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMemo, useState } from 'react';
import { useGoals, type Goal } from '../../api/saved';
import { useSites } from '../../api/session';
import { SiteProvider } from '../../api/site';
import * as names from '../../format/names';
import { metric } from '../../format/metrics';
import { Dialog } from '../../parts/Dialog';
import { DimSelect } from '../../parts/DimSelect';
import { EventPicker } from '../../parts/EventPicker';
import { FilterChips } from '../../parts/FilterChips';
import { kindNames, kinds, lengths, rangeOf, sizes, type Kind, type Panel } from '../../panels/panel';
import { parseFilter, writeFilter } from '../../state/filters';
import { lastSite } from '../../state/last';
import { Builder } from '../funnels/Builder';
import { nameOfStep } from '../funnels/names';
import css from './Dashboards.module.css';
import { draftOf, ofGoal, panelOf, rangeFor, type PanelDraft } from './draft';
import { PanelBody } from './Grid';
import type { Placed } from './layout';

/** Makes or changes a panel, and shows at once what it will show. */
export function PanelForm({ panel, onDone, onClose }: { panel?: Placed; onDone: (p: Panel) => void; onClose: () => void }) {
  const sites = useSites(true);
  const all = sites.data ?? [];
  const [draft, set] = useState<PanelDraft>(() => draftOf(panel, ''));
  const id = draft.site || (all.find((s) => s.site_id === lastSite()) ?? all[0])?.site_id || '';
  const site = all.find((s) => s.site_id === id);
  const change = (c: Partial<PanelDraft>) => set((d) => ({ ...d, ...c }));
  return (
    <Dialog onClose={onClose} title={panel ? `Change ${panel.title || 'the panel'}` : 'A new panel'} size={1080}>
      {site ? (
        <SiteProvider site={site}>
          <Form panel={panel} draft={{ ...draft, site: id }} zone={site.time_zone} sites={all.map((s) => ({ value: s.site_id, label: s.name || s.site_id }))} change={change} onDone={onDone} onClose={onClose} />
        </SiteProvider>
      ) : (
        <p className={css.dim}>{sites.isPending ? 'Reading the sites…' : 'There is no site to ask about.'}</p>
      )}
    </Dialog>
  );
}

type FormProps = { panel?: Placed; draft: PanelDraft; zone: string; sites: { value: string; label: string }[]; change: (c: Partial<PanelDraft>) => void; onDone: (p: Panel) => void; onClose: () => void };

function Form({ panel, draft, zone, sites, change, onDone, onClose }: FormProps) {
  const goals = useGoals(draft.kind === 'funnel' || ofGoal(draft.metrics));
  const fallback = titleOf(draft);
  const { panel: made, missing } = panelOf(draft, (s) => nameOfStep(s, goals.data), fallback, panel);
  const [shown] = useDebouncedValue(made && JSON.stringify(made), 400);
  const preview = useMemo(() => (shown ? (JSON.parse(shown) as Panel) : undefined), [shown]);
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        if (made && e.target === e.currentTarget) onDone(made); // React hands on submits of forms in popovers, too
      }}
    >
      <div className={css.form}>
        <Stack gap="sm">
          <Field label="Shows">
            <SegmentedControl fullWidth className={css.kinds} aria-label="Kind" value={draft.kind} onChange={(k) => change({ kind: k as Kind, from: rangeFor(k as Kind, draft) })} data={kinds.map((k) => ({ value: k, label: kindNames[k] }))} />
          </Field>
          <Group grow gap="sm" align="flex-start">
            <TextInput label="Title" placeholder={fallback} value={draft.title} maxLength={100} onChange={(e) => change({ title: e.currentTarget.value })} data-autofocus />
            {draft.kind !== 'sql' && <Select label="Site" data={sites} value={draft.site} allowDeselect={false} onChange={(v) => v && change({ site: v })} />}
          </Group>
          <Question draft={draft} change={change} goals={goals.data ?? []} old={panel?.question} />
        </Stack>
        <div className={css.preview}>
          <span className={css.label}>Preview</span>
          <div className={css.previewBox} style={{ minHeight: draft.kind === 'tile' ? 110 : 300 }}>
            {preview ? <PanelBody panel={preview} zone={zone} height={sizes[draft.kind].h > 3 ? 280 : 84} /> : <p className={css.dim}>{missing}</p>}
          </div>
        </div>
      </div>
      <Group justify="flex-end" gap="xs" mt="md">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" disabled={!made}>
          {panel ? 'Change the panel' : 'Add the panel'}
        </Button>
      </Group>
    </form>
  );
}

function titleOf(d: PanelDraft): string {
  const name = metric(d.metrics[0] ?? 'pageviews').name;
  switch (d.kind) {
    case 'bar':
    case 'table':
      return `${name} by ${names.dim(d.group).toLowerCase()}`;
    case 'funnel':
    case 'retention':
    case 'sql':
      return kindNames[d.kind];
    default:
      return name;
  }
}

const Field = ({ label, children }: { label: string; children: React.ReactNode }) => (
  <div>
    <span className={css.label}>{label}</span>
    {children}
  </div>
);

const metricIds = ['visitors', 'users', 'sessions', 'pageviews', 'views_per_session', 'bounce_rate', 'session_duration', 'events', 'entries', 'exits', 'value', 'revenue', 'conversions', 'conversion_rate'];
const metrics = metricIds.map((id) => ({ value: id, label: metric(id).name }));

type Part = { draft: PanelDraft; change: FormProps['change'] };

function Question({ draft: d, change, goals, old }: Part & { goals: Goal[]; old?: Record<string, unknown> }) {
  const ranges = [...(d.kind === 'retention' ? [{ value: '', label: 'Last periods' }] : []), ...lengths];
  if (d.kind === 'sql')
    return (
      <Textarea label="Statement" description="One SELECT over the tenant's relations, such as events; one number alone is shown large." value={d.sql} onChange={(e) => change({ sql: e.currentTarget.value })} autosize minRows={6} maxRows={16} spellCheck={false} styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 13 } }} />
    );
  return (
    <>
      {d.kind === 'funnel' ? (
        <div className={css.builder}>
          <Builder state={d.funnel} goals={goals} onChange={(funnel) => change({ funnel })} />
        </div>
      ) : d.kind === 'retention' ? (
        <Returning draft={d} change={change} />
      ) : (
        <Numbers draft={d} change={change} goals={goals} />
      )}
      <Group grow gap="sm" align="flex-start">
        <Select
          label="Range"
          data={ranges.some((l) => l.value === d.from) ? ranges : [...ranges, { value: d.from, label: rangeOf({ from: d.from, ...(old?.from === d.from && { to: old.to }) }, d.kind) }]}
          value={d.from}
          allowDeselect={false}
          onChange={(v) => v !== null && change({ from: v, interval: '' })}
        />
        <Field label="Only what">
          <div className={css.chips}>
            <FilterChips small filters={d.filter.flatMap((t) => parseFilter(t) ?? [])} onChange={(f) => change({ filter: f.map(writeFilter) })} />
          </div>
        </Field>
      </Group>
    </>
  );
}

function Numbers({ draft: d, change, goals }: Part & { goals: Goal[] }) {
  const grouped = d.kind === 'bar' || d.kind === 'table';
  return (
    <>
      {d.kind === 'table' ? (
        <MultiSelect label="Numbers" data={metrics} value={d.metrics} maxValues={6} onChange={(v) => change({ metrics: v })} />
      ) : (
        <Select label="Number" data={metrics} value={d.metrics[0] ?? null} allowDeselect={false} onChange={(v) => v && change({ metrics: [v] })} />
      )}
      {ofGoal(d.metrics) && <Select label="Goal" placeholder={goals.length === 0 ? 'No goal is saved yet' : 'Choose a goal'} data={goals.map((g) => ({ value: g.id, label: g.name }))} value={d.goal || null} allowDeselect={false} onChange={(v) => v && change({ goal: v })} />}
      {(d.kind === 'tile' || d.kind === 'line') && <Checkbox size="xs" label="Compare with the time before" checked={d.compare} onChange={(e) => change({ compare: e.currentTarget.checked })} />}
      {d.kind === 'line' && (
        <Field label="By">
          <SegmentedControl
            aria-label="Interval"
            value={d.interval}
            onChange={(interval) => change({ interval })}
            data={[{ value: '', label: 'What suits' }, ...['hour', 'day', 'week', 'month'].map((i) => ({ value: i, label: i[0]!.toUpperCase() + i.slice(1) }))]}
          />
        </Field>
      )}
      {grouped && (
        <Group grow gap="sm" align="flex-start">
          <Field label="By">
            <DimSelect label="By" value={d.group} onChange={(group) => change({ group })} />
          </Field>
          <NumberInput label="At most" min={1} max={100} allowDecimal={false} value={d.limit} onChange={(v) => change({ limit: Math.min(100, Math.max(1, Math.round(Number(v)) || 8)) })} />
        </Group>
      )}
    </>
  );
}

function Returning({ draft: d, change }: Part) {
  const shown = (e: PanelDraft['start']) => {
    const path = e.filter?.[0] && parseFilter(e.filter[0]);
    return e.type === 'pageview' && path ? path.values.join(' or ') : e.type ? names.event(e.type) : 'Any event';
  };
  return (
    <>
      <Group grow gap="sm" align="flex-start">
        <Field label="First did">
          <EventPicker label="First did" shown={shown(d.start)} goals={false} any="Any event" onPick={({ type, filter }) => change({ start: { type, ...(filter && { filter }) } })} />
        </Field>
        <Field label="Came back to do">
          <EventPicker label="Came back to do" shown={shown(d.back)} goals={false} any="Any event" onPick={({ type, filter }) => change({ back: { type, ...(filter && { filter }) } })} />
        </Field>
      </Group>
      <Group grow gap="sm" align="flex-start">
        <Field label="Periods">
          <SegmentedControl fullWidth aria-label="Periods" value={d.period} onChange={(period) => change({ period })} data={['day', 'week', 'month'].map((p) => ({ value: p, label: `${p[0]!.toUpperCase()}${p.slice(1)}s` }))} />
        </Field>
        <Field label="People are counted">
          <SegmentedControl
            fullWidth
            aria-label="People are counted"
            value={d.mode}
            onChange={(mode) => change({ mode })}
            data={[
              { value: 'first_time', label: 'Once' },
              { value: 'recurring', label: 'In each' },
            ]}
          />
        </Field>
      </Group>
    </>
  );
}

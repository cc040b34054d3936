import { Button, Group, SegmentedControl, Select, Stack, TextInput } from '@mantine/core';
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'wouter';
import { useDashboard, useDashboards, useSaveDashboard, type Dashboard } from '../api/dashboards';
import { asProblem } from '../api/problem';
import { useSegments } from '../api/saved';
import { useSite } from '../api/site';
import * as names from '../format/names';
import { dayFull } from '../format/time';
import { Answer, ProblemNotice } from '../parts/Answer';
import { Dialog } from '../parts/Dialog';
import { Field } from '../parts/Field';
import { sentence } from '../parts/filters';
import { useView } from '../state/url';
import css from './AddDialog.module.css';
import { appended, firstRange, fixed, keptDays, panelOf, type Offer } from './offer';
import { lengths, rangeOf, type Panel } from './panel';

/** Puts a panel on a dashboard: one that is saved, or a new one. It has the filters that the page has now. */
export default function AddDialog({ offer, onClose }: { offer: Offer; onClose: () => void }) {
  const dashboards = useDashboards();
  const [done, say] = useState<Dashboard>();
  return (
    <Dialog onClose={onClose} title={done ? 'Added' : 'Add to a dashboard'} size="md">
      {done ? (
        <Stack gap="md">
          <p className={css.done} role="status">
            <IconCheck size={18} stroke={2} aria-hidden />
            <span>
              It is on <b>{done.name}</b> now, at its end.
            </span>
          </p>
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Close
            </Button>
            <Button component={Link} href={`/dashboards/${done.id}`} data-autofocus>
              Open the dashboard
            </Button>
          </Group>
        </Stack>
      ) : (
        <Answer query={dashboards} height={280}>
          {(list) => <Form offer={offer} dashboards={list.map((d) => ({ value: d.id, label: d.name }))} onDone={say} onClose={onClose} />}
        </Answer>
      )}
    </Dialog>
  );
}

const fresh = 'new';

function Form({ offer, dashboards, onDone, onClose }: { offer: Offer; dashboards: { value: string; label: string }[]; onDone: (d: Dashboard) => void; onClose: () => void }) {
  const { id: site, zone } = useSite();
  const [view] = useView();
  const [kind, setKind] = useState(offer.choices[0]!.kind as string);
  const [title, setTitle] = useState(offer.title);
  const [range, setRange] = useState(() => firstRange(view));
  const [to, setTo] = useState(dashboards[0]?.value ?? fresh);
  const [name, setName] = useState('');
  const [tried, setTried] = useState(false);
  const target = useDashboard(to, to !== fresh);
  const save = useSaveDashboard();
  const days = keptDays(view, zone);
  const choice = offer.choices.find((c) => c.kind === kind) ?? offer.choices[0]!;
  const problem = save.error ? asProblem(save.error) : undefined;
  const conflict = problem?.code === 'version_conflict';
  const add = (d: Dashboard | undefined) => {
    setTried(true);
    if (to === fresh ? name.trim() === '' : !d) return;
    const panel = panelOf(choice, title.trim() || offer.title, site, view, zone, offer.range === false ? undefined : range);
    save.mutate({ ...(d && { id: d.id, version: d.version }), name: d?.name ?? name.trim(), panels: appended(d ? ((d.panels ?? []) as Panel[]) : [], panel) }, { onSuccess: onDone });
  };
  const again = async () => {
    const now = await target.refetch();
    if (now.data) add(now.data);
  };
  return (
    <form
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        if (!save.isPending && !conflict) add(to === fresh ? undefined : target.data);
      }}
    >
      <Stack gap="sm">
        {offer.choices.length > 1 && (
          <Field label="Shown as">
            <SegmentedControl fullWidth aria-label="Shown as" value={kind} onChange={setKind} data={offer.choices.map((c) => ({ value: c.kind, label: c.label }))} />
          </Field>
        )}
        <TextInput label="Title" value={title} placeholder={offer.title} maxLength={100} autoComplete="off" onChange={(e) => setTitle(e.currentTarget.value)} />
        {offer.range !== false && (
          <Select
            label="Range"
            description="The dashboard can show another one for all its panels."
            value={range}
            allowDeselect={false}
            onChange={(v) => v && setRange(v)}
            data={[...lengths, ...('last' in view.range ? [{ value: firstRange(view), label: rangeOf({ from: firstRange(view) }) }] : []), ...(days ? [{ value: fixed, label: days.from === days.to ? `Always ${dayFull(days.from, 'UTC')}` : `Always ${dayFull(days.from, 'UTC')} – ${dayFull(days.to, 'UTC')}` }] : [])]}
          />
        )}
        <Filters />
        <Select
          label="Dashboard"
          value={to}
          allowDeselect={false}
          searchable={dashboards.length > 8}
          onChange={(v) => {
            if (!v) return;
            setTo(v);
            save.reset();
          }}
          data={[...dashboards, { value: fresh, label: 'A new dashboard…' }]}
        />
        {to === fresh && (
          <TextInput
            label="Name of the new dashboard"
            value={name}
            maxLength={200}
            autoComplete="off"
            onChange={(e) => {
              setName(e.currentTarget.value);
              save.reset();
            }}
            error={problem?.of('name') ?? (tried && name.trim() === '' ? 'A dashboard needs a name.' : undefined)}
          />
        )}
        {to !== fresh && target.error && !target.data && <ProblemNotice error={target.error} retry={() => void target.refetch()} />}
        {conflict ? (
          <div className={css.conflict} role="alert">
            <IconAlertTriangle size={18} stroke={1.6} aria-hidden />
            <div>
              <strong>Somebody saved this dashboard meanwhile.</strong> Your panel is not on it yet, and nothing of theirs is lost.
              <Button mt="xs" loading={target.isFetching || save.isPending} onClick={() => void again()}>
                Add it to what is there now
              </Button>
            </div>
          </div>
        ) : (
          problem && !(to === fresh && problem.field === 'name') && <ProblemNotice error={problem} />
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending} disabled={conflict || (to !== fresh && !target.data)}>
            Add it
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** What of the page's filters goes along. */
function Filters() {
  const [view] = useView();
  const segments = useSegments(view.segment !== undefined);
  const segment = view.segment && (segments.data?.find((s) => s.id === view.segment)?.name ?? 'that is chosen');
  const list = [...(segment ? [`segment ${segment}`] : []), ...view.filters.map((f) => `${names.dim(f.dim)} ${f.dim === 'cohort' ? (f.not ? 'is not the chosen one' : 'is the chosen one') : sentence(f)}`)];
  return <p className={css.filters}>{list.length > 0 ? <>Only what the page shows now: <b>{list.join(', ')}</b>.</> : 'Without filters, as the page is now.'}</p>;
}

import { Button, Group, Select, Stack, TextInput } from '@mantine/core';
import { IconArrowLeft, IconPencil, IconPlus } from '@tabler/icons-react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import { useDashboard, useSaveDashboard, type Dashboard } from '../../api/dashboards';
import { asProblem } from '../../api/problem';
import { may, useMe } from '../../api/session';
import { moment } from '../../format/time';
import { Answer, Notice, ProblemNotice } from '../../parts/Answer';
import { Dialog } from '../../parts/Dialog';
import { useFollow } from '../../parts/focus';
import type { Panel } from '../../panels/panel';
import { asked, presetNames, presets, type Preset } from '../../state/range';
import { keep, kept } from '../../state/kept';
import { useFault } from '../../state/faults';
import { useParam } from '../../state/url';
import { BoardFreshness } from './BoardFreshness';
import css from './Dashboards.module.css';
import { EmbedDialog } from './EmbedDialog';
import { Grid } from './Grid';
import { inOrder, placed, type Placed } from './layout';
import { PanelForm } from './PanelForm';

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** One dashboard: looked at, or, by who may, changed. */
export function Board({ id }: { id: string }) {
  const dashboard = useDashboard(id);
  return (
    <div className={css.page}>
      {dashboard.error && !dashboard.data && (
        <Link href="/dashboards" className={css.all}>
          ← All dashboards
        </Link>
      )}
      <Answer query={dashboard} height={480}>
        {(d) => <Loaded saved={d} />}
      </Answer>
    </div>
  );
}

type Draft = { name: string; panels: Placed[]; version: number };

/** Whether something that was kept is a draft of a dashboard. */
function isDraft(v: unknown): v is Draft {
  const d = (typeof v === 'object' && v !== null ? v : {}) as Partial<Draft>;
  const isPanel = (p: Partial<Placed> | null) => typeof p?.id === 'string' && typeof p.kind === 'string' && typeof p.question === 'object' && p.question !== null && [p.x, p.y, p.w, p.h].every(Number.isFinite);
  return typeof d.name === 'string' && Number.isInteger(d.version) && Array.isArray(d.panels) && d.panels.every(isPanel);
}

/** What somebody has changed of a dashboard and not saved. It is there again when one comes back from another page. */
function useDraft(saved: Dashboard) {
  const place = `dashboard.${saved.id}`;
  const [draft, set] = useState(() => kept(place, isDraft));
  useEffect(() => void keep(place, draft), [place, draft]);
  const change = useCallback((c: Partial<Draft>) => set((d) => ({ ...(d ?? draftOf(saved)), ...c })), [saved]);
  const drop = useCallback(() => set(undefined), []);
  useEffect(() => {
    if (!draft) return;
    const ask = (e: BeforeUnloadEvent) => e.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [draft]);
  return { draft, change, drop };
}

const draftOf = (d: Dashboard): Draft => ({ name: d.name, panels: placed((d.panels ?? []) as Panel[]), version: d.version });

function Loaded({ saved }: { saved: Dashboard }) {
  const me = useMe();
  const writes = may(me.data, 'analyst');
  const [edit, setEdit] = useParam('edit', '', true);
  const [rangeText, setRange] = useParam('range', '', true);
  const { draft, change, drop } = useDraft(saved);
  const [form, openForm] = useState<Placed | 'new'>();
  const [embed, openEmbed] = useState<Placed>();
  const save = useSaveDashboard();
  const box = useRef<HTMLDivElement>(null);
  const editing = writes && edit === '1';
  const shown = editing ? (draft ?? draftOf(saved)) : draftOf(saved);
  const follow = useFollow(box, shown.panels);
  const remove = (p: Placed) => {
    const rest = shown.panels.filter((x) => x.id !== p.id);
    const next = inOrder(shown.panels).findIndex((x) => x.id === p.id);
    follow(rest.length > 0 ? '.panel-handle' : '[data-add]', Math.max(0, Math.min(next, rest.length - 1)));
    change({ panels: rest });
  };
  const preset = (presets as readonly string[]).includes(rangeText) ? (rangeText as Preset) : undefined;
  useFault(rangeText !== '' && !preset && { name: 'range', text: rangeText, instead: 'ranges as saved' });
  const range = preset && ((zone: string) => asked({ preset }, zone));
  const dirty = draft !== undefined;
  const end = () => {
    drop();
    save.reset();
    setEdit('');
  };
  const store = (version: number) => {
    const panels = shown.panels.map((p) => (p.id.startsWith('new-') ? { ...p, id: '' } : p));
    save.mutate({ id: saved.id, version, name: shown.name.trim(), panels }, { onSuccess: end });
  };
  const conflict = save.error && asProblem(save.error).code === 'version_conflict';
  return (
    <div ref={box}>
      <div className={css.bar}>
        <div className={css.title}>
          <Link href="/dashboards" className={css.back} aria-label="All dashboards">
            <IconArrowLeft size={18} stroke={1.6} aria-hidden />
          </Link>
          {editing ? <TextInput aria-label="Name" value={shown.name} maxLength={200} onChange={(e) => change({ name: e.currentTarget.value })} w={320} /> : <h2>{saved.name}</h2>}
        </div>
        <div className={css.actions}>
          <Select
            aria-label="Range of all panels"
            w={190}
            size="xs"
            data={[{ value: '', label: 'Ranges as saved' }, ...presets.map((p) => ({ value: p as string, label: presetNames[p] }))]}
            value={preset ?? ''}
            allowDeselect={false}
            onChange={(v) => setRange(v ?? '')}
          />
          {editing ? (
            <>
              <Button data-add variant="default" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => openForm('new')}>
                Add a panel
              </Button>
              <Button variant="default" onClick={end}>
                Cancel
              </Button>
              <Button disabled={!dirty || !shown.name.trim()} loading={save.isPending} onClick={() => store(shown.version)}>
                Save
              </Button>
            </>
          ) : (
            writes && (
              <Button variant="default" leftSection={<IconPencil size={15} aria-hidden />} onClick={() => setEdit('1')}>
                Edit
              </Button>
            )
          )}
        </div>
      </div>
      {writes && dirty && !editing && (
        <div className={css.unsaved} role="status">
          <span>
            <strong>You have changed this dashboard and not saved it.</strong> It is shown as it is saved.
          </span>
          <button type="button" className="as-link" onClick={() => setEdit('1')}>
            Go on editing
          </button>
          <button type="button" className="as-link" onClick={drop}>
            Discard the changes
          </button>
        </div>
      )}
      {save.error && !conflict && <ProblemNotice error={save.error} />}
      {shown.panels.length === 0 ? (
        <Notice title="Nothing here yet" action={writes && <Button onClick={() => { setEdit('1'); openForm('new'); }}>Add a panel</Button>}>
          A panel answers one question: a number, a line over time, the largest groups, a funnel, retention, or a statement of SQL.
        </Notice>
      ) : (
        <>
          <Grid
            panels={shown.panels}
            editing={editing}
            range={range}
            onArrange={(panels) => change({ panels })}
            onEdit={openForm}
            onRemove={remove}
            onEmbed={writes && !editing ? openEmbed : undefined}
          />
          <BoardFreshness panels={shown.panels} range={range} />
        </>
      )}
      {form && (
        <PanelForm
          panel={form === 'new' ? undefined : form}
          onClose={() => openForm(undefined)}
          onDone={(p) => {
            const all = shown.panels;
            change({ panels: form === 'new' ? placed([...all, { ...p, id: `new-${Date.now()}` }]) : all.map((x) => (x.id === form.id ? { ...x, ...p } : x)) });
            openForm(undefined);
          }}
        />
      )}
      {embed && <EmbedDialog dashboard={saved.id} panel={embed} onClose={() => openEmbed(undefined)} />}
      {conflict && <Conflict mine={shown} id={saved.id} onReload={end} onOverwrite={store} onClose={save.reset} />}
    </div>
  );
}

/** Somebody saved the dashboard after it was read here: theirs or mine. */
function Conflict({ mine, id, onReload, onOverwrite, onClose }: { mine: Draft; id: string; onReload: () => void; onOverwrite: (version: number) => void; onClose: () => void }) {
  const { data, refetch } = useDashboard(id);
  const now = data && data.version !== mine.version ? data : undefined;
  useEffect(() => void refetch(), [refetch]);
  const names = (panels: { title?: string; kind: string }[]) => panels.map((p) => p.title || p.kind).join(', ') || 'none';
  return (
    <Dialog onClose={onClose} title="Somebody saved this dashboard meanwhile" size="lg">
      <Stack gap="sm">
        {now ? (
          <dl className={css.versions}>
            <dt>Theirs</dt>
            <dd>
              <strong>{now.name}</strong>, saved {moment(now.updated, zone)}
              <br />
              Panels: {names((now.panels ?? []) as Panel[])}
            </dd>
            <dt>Yours</dt>
            <dd>
              <strong>{mine.name}</strong>
              <br />
              Panels: {names(mine.panels)}
            </dd>
          </dl>
        ) : (
          <p className={css.dim}>Reading what is saved now…</p>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Go on editing
          </Button>
          <Button variant="default" disabled={!now} onClick={onReload}>
            Take theirs
          </Button>
          <Button className="danger" disabled={!now} onClick={() => now && onOverwrite(now.version)}>
            Overwrite with yours
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}

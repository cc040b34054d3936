import { ActionIcon, Button, Popover, TextInput } from '@mantine/core';
import { IconBookmark, IconDeviceFloppy, IconPencil, IconTrash, IconX } from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import { useDeleteSaved, useSegments, type Cohort, type Segment } from '../api/saved';
import { may, useMe } from '../api/session';
import * as names from '../format/names';
import { Answer } from '../parts/Answer';
import { Entries, Entry, EntryList, NoEntry } from '../parts/Entries';
import chips from '../parts/FilterChips.module.css';
import { sentence } from '../parts/filters';
import { parseFilter, writeFilter } from '../state/filters';
import { useView } from '../state/url';
import { asksFor, Cohorts } from './Cohorts';
import css from './Segments.module.css';

const SegmentForm = lazy(() => import('./SegmentForm'));
const CohortForm = lazy(() => import('./CohortForm'));
const Confirm = lazy(() => import('../parts/Confirm').then((m) => ({ default: m.Confirm })));

/** From how many segments on there is a field to search them. */
const many = 8;

/** What the filters of a segment say, in one line. */
const summary = (s: Segment): string =>
  (s.filter ?? [])
    .flatMap((t) => parseFilter(t) ?? [])
    .map((f) => `${names.dim(f.dim)} ${f.dim === 'cohort' ? (f.not ? 'is not one of some' : 'is one of some') : sentence(f)}`)
    .join(', ');

/** The segment of the view: chosen among those that are saved, made of the present filters, renamed, changed, deleted. Below them stand the cohorts, which are chosen as filters. */
export function Segments() {
  const me = useMe();
  const writes = may(me.data, 'analyst');
  const [view, change] = useView();
  const [opened, open] = useState(false);
  const [sought, seek] = useState('');
  const [form, edit] = useState<Segment | 'new'>();
  const [doomed, doom] = useState<Segment>();
  const remove = useDeleteSaved('segments');
  const [cohort, editCohort] = useState<Cohort | 'new'>();
  const [doomedCohort, doomCohort] = useState<Cohort>();
  const removeCohort = useDeleteSaved('cohorts');
  const segments = useSegments(opened || view.segment !== undefined);
  const current = segments.data?.find((s) => s.id === view.segment);
  const name = current?.name ?? (segments.data ? 'that is gone' : '…');
  const found = (segments.data ?? []).filter((s) => `${s.name} ${summary(s)}`.toLowerCase().includes(sought.trim().toLowerCase()));
  const choose = (s: Segment) => change({ segment: s.id === view.segment ? undefined : s.id });
  const without = (id: string) => view.filters.filter((f) => !asksFor([f], id));
  const filterBy = (c: Cohort) => change({ filters: asksFor(view.filters, c.id) ? without(c.id) : [...view.filters, { dim: 'cohort', not: false, contains: false, values: [c.id] }] });
  const then = (f: () => void) => {
    open(false);
    f();
  };
  return (
    <>
      <span className={view.segment ? chips.chip : css.plain}>
        <Popover opened={opened} onChange={open} onClose={() => seek('')} position="bottom-end" width={320} trapFocus returnFocus={!form && !doomed && !cohort && !doomedCohort}>
          <Popover.Target>
            {view.segment ? (
              <button type="button" className={chips.what} title={current ? `Segment ${name}: ${summary(current)}` : `Segment ${name}`} onClick={() => open(!opened)}>
                <IconBookmark size={14} stroke={1.6} aria-hidden />
                <span>Segment</span> <b className="cut">{name}</b>
              </button>
            ) : (
              <Button variant="default" leftSection={<IconBookmark size={15} stroke={1.6} aria-hidden />} onClick={() => open(!opened)}>
                Segment
              </Button>
            )}
          </Popover.Target>
          <Popover.Dropdown className={css.menu}>
            <Entries>
            {(segments.data ?? []).length > many && <TextInput className={css.search} size="xs" placeholder="Search" aria-label="Search the segments" value={sought} onChange={(e) => seek(e.currentTarget.value)} data-autofocus />}
            <Answer
              query={segments}
              height={72}
              empty={(l) => l.length === 0 && <NoEntry>No segment yet. Filters that are saved under a name stand here, for everybody who sees this site.{!writes && ' An analyst or an admin saves them.'}</NoEntry>}
            >
              {() => (
                <EntryList>
                  {found.map((s) => (
                    <Entry key={s.id} name={s.name} says={summary(s)} current={s.id === view.segment} onPick={() => then(() => choose(s))}>
                      {writes && (
                        <>
                          <ActionIcon variant="subtle" color="gray" onClick={() => then(() => edit(s))} aria-label={`Change ${s.name}`} title="Rename or change">
                            <IconPencil size={15} stroke={1.6} aria-hidden />
                          </ActionIcon>
                          <ActionIcon variant="subtle" color="gray" onClick={() => then(() => doom(s))} aria-label={`Delete ${s.name}`} title="Delete">
                            <IconTrash size={15} stroke={1.6} aria-hidden />
                          </ActionIcon>
                        </>
                      )}
                    </Entry>
                  ))}
                  {found.length === 0 && <li><NoEntry>No segment is called so.</NoEntry></li>}
                </EntryList>
              )}
            </Answer>
            {writes && (
              <button type="button" data-entry className={css.save} disabled={view.filters.length === 0} onClick={() => then(() => edit('new'))}>
                <IconDeviceFloppy size={16} stroke={1.6} aria-hidden />
                {view.filters.length === 0 ? 'Add a filter to save it as a segment' : view.segment ? 'Save this segment and the filters as a new one…' : `Save ${view.filters.length === 1 ? 'the filter' : 'the filters'} as a segment…`}
              </button>
            )}
            <Cohorts filters={view.filters} sought={sought} writes={writes} onPick={(c) => then(() => filterBy(c))} onEdit={(c) => then(() => editCohort(c))} onDelete={(c) => then(() => doomCohort(c))} />
            </Entries>
          </Popover.Dropdown>
        </Popover>
        {view.segment && (
          <button type="button" className={chips.remove} onClick={() => change({ segment: undefined })} aria-label={`Remove the segment ${name}`}>
            <IconX size={13} aria-hidden />
          </button>
        )}
      </span>
      <Suspense fallback={null}>
        {form && (
          <SegmentForm
            segment={form === 'new' ? undefined : form}
            filters={form === 'new' ? [...(current?.filter ?? []), ...view.filters.map(writeFilter)] : (form.filter ?? [])}
            onSaved={(s) => {
              if (form === 'new') change({ segment: s.id, filters: [] }); // the view is the same, by its name
            }}
            onClose={() => edit(undefined)}
          />
        )}
        {doomed && (
          <Confirm
            title={`Delete “${doomed.name}”?`}
            what={doomed.name}
            action="Delete the segment"
            onConfirm={async () => {
              await remove.mutateAsync(doomed.id);
              if (doomed.id === view.segment) change({ segment: undefined });
            }}
            onClose={() => doom(undefined)}
          >
            Links that use <b>{doomed.name}</b> say then that there is no such segment; while panels or cohorts use it, it stays. No event is lost.
          </Confirm>
        )}
        {cohort && <CohortForm cohort={cohort === 'new' ? undefined : cohort} onClose={() => editCohort(undefined)} />}
        {doomedCohort && (
          <Confirm
            title={`Delete “${doomedCohort.name}”?`}
            what={doomedCohort.name}
            action="Delete the cohort"
            onConfirm={async () => {
              await removeCohort.mutateAsync(doomedCohort.id);
              if (asksFor(view.filters, doomedCohort.id)) change({ filters: without(doomedCohort.id) });
            }}
            onClose={() => doomCohort(undefined)}
          >
            Links that use <b>{doomedCohort.name}</b> say then that there is no such cohort; while panels, segments or goals use it, it stays. No event is lost.
          </Confirm>
        )}
      </Suspense>
    </>
  );
}

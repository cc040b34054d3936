import { ActionIcon } from '@mantine/core';
import { IconPencil, IconTrash, IconUsersPlus } from '@tabler/icons-react';
import { useCohorts, type Cohort } from '../api/saved';
import { Answer } from '../parts/Answer';
import { Entry, EntryList, NoEntry } from '../parts/Entries';
import type { Filter } from '../state/filters';
import { saysWho } from './cohort';
import css from './Segments.module.css';

/** Whether the filters ask for the people of a cohort. */
export const asksFor = (filters: Filter[], id: string) => filters.some((f) => f.dim === 'cohort' && !f.not && f.values.length === 1 && f.values[0] === id);

/** The saved cohorts: chosen as a filter, renamed, deleted, and made of what people did. Those that hold `sought` are shown; `writes`: whether who looks may change them. */
export function Cohorts({ filters, sought, writes, onPick, onEdit, onDelete }: { filters: Filter[]; sought: string; writes: boolean; onPick: (c: Cohort) => void; onEdit: (c: Cohort | 'new') => void; onDelete: (c: Cohort) => void }) {
  const cohorts = useCohorts();
  const has = (c: Cohort) => `${c.name} ${saysWho(c.question)}`.toLowerCase().includes(sought.trim().toLowerCase());
  return (
    <section aria-label="Cohorts" className={css.section}>
      <h2 className={css.heading}>Cohorts</h2>
      <Answer
        query={cohorts}
        height={48}
        empty={(l) => l.length === 0 && <NoEntry>No cohort yet. People who did something, or who came to a step of a funnel, can be kept as one, and everything be filtered by them.</NoEntry>}
      >
        {(l) => (
          <EntryList>
            {l.filter(has).map((c) => (
              <Entry key={c.id} name={c.name} says={saysWho(c.question)} current={asksFor(filters, c.id)} onPick={() => onPick(c)}>
                {writes && (
                  <>
                    <ActionIcon variant="subtle" color="gray" onClick={() => onEdit(c)} aria-label={`Rename ${c.name}`} title="Rename">
                      <IconPencil size={15} stroke={1.6} aria-hidden />
                    </ActionIcon>
                    <ActionIcon variant="subtle" color="gray" onClick={() => onDelete(c)} aria-label={`Delete ${c.name}`} title="Delete">
                      <IconTrash size={15} stroke={1.6} aria-hidden />
                    </ActionIcon>
                  </>
                )}
              </Entry>
            ))}
            {!l.some(has) && <li><NoEntry>No cohort is called so.</NoEntry></li>}
          </EntryList>
        )}
      </Answer>
      {writes && (
        <button type="button" data-entry className={css.save} onClick={() => onEdit('new')}>
          <IconUsersPlus size={16} stroke={1.6} aria-hidden />
          New cohort of what people did…
        </button>
      )}
    </section>
  );
}

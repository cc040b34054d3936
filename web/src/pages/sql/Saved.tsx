import { ActionIcon, Button, Group, Menu, Popover, Stack, TextInput } from '@mantine/core';
import { IconBookmark, IconChevronDown, IconDeviceFloppy, IconHistory, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { useSavedQueries, useSaving, type SavedQuery } from '../../api/sql';
import { compact, duration, plural } from '../../format/numbers';
import { ago } from '../../format/time';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Confirm } from '../../parts/Confirm';
import { Dialog } from '../../parts/Dialog';
import { Entries, Entry, EntryList, NoEntry } from '../../parts/Entries';
import { past, type Past } from './history';
import css from './Sql.module.css';

/** The tenant's saved queries, to be opened. */
export function SavedMenu({ current, onOpen }: { current: string; onOpen: (q: SavedQuery) => void }) {
  const saved = useSavedQueries();
  const { remove } = useSaving();
  const [opened, open] = useState(false);
  const [doomed, doom] = useState<SavedQuery>();
  const then = (f: () => void) => {
    open(false);
    f();
  };
  return (
    <>
      <Popover opened={opened} onChange={open} width={320} trapFocus returnFocus={!doomed}>
        <Popover.Target>
          <Button variant="default" leftSection={<IconBookmark size={15} stroke={1.6} aria-hidden />} rightSection={<IconChevronDown size={13} aria-hidden />} onClick={() => open(!opened)}>
            Saved
          </Button>
        </Popover.Target>
        <Popover.Dropdown className={css.saved}>
          <Entries>
            <Answer query={saved} height={80} empty={(d) => d.length === 0 && <NoEntry>Nothing is saved yet. What you save here, all analysts of the workspace see.</NoEntry>}>
              {(list) => (
                <EntryList>
                  {list.map((q) => (
                    <Entry key={q.id} name={q.name} says={q.sql.replace(/\s+/g, ' ')} mono current={q.id === current} onPick={() => then(() => onOpen(q))}>
                      <ActionIcon variant="subtle" color="gray" onClick={() => then(() => doom(q))} aria-label={`Delete ${q.name}`} title="Delete">
                        <IconTrash size={15} stroke={1.6} aria-hidden />
                      </ActionIcon>
                    </Entry>
                  ))}
                </EntryList>
              )}
            </Answer>
          </Entries>
        </Popover.Dropdown>
      </Popover>
      {doomed && (
        <Confirm title={`Delete “${doomed.name}”?`} what={doomed.name} action="Delete the query" onConfirm={() => remove.mutateAsync(doomed.id)} onClose={() => doom(undefined)}>
          The saved query <b>{doomed.name}</b> is gone for everybody then. The statement in the editor stays.
        </Confirm>
      )}
    </>
  );
}

/** Saves the statement: over the query that it came from, or under a new name. */
export function Save({ sql, query, opened, onOpen, onClose, onSaved }: { sql: string; query: SavedQuery | undefined; opened: boolean; onOpen: () => void; onClose: () => void; onSaved: (q: SavedQuery) => void }) {
  return (
    <>
      <Button variant="default" leftSection={<IconDeviceFloppy size={15} stroke={1.6} aria-hidden />} onClick={onOpen} disabled={sql.trim() === ''}>
        Save
      </Button>
      {opened && <SaveForm sql={sql} query={query} onClose={onClose} onSaved={onSaved} />}
    </>
  );
}

function SaveForm({ sql, query, onClose, onSaved }: { sql: string; query: SavedQuery | undefined; onClose: () => void; onSaved: (q: SavedQuery) => void }) {
  const { save } = useSaving();
  const [name, setName] = useState(query?.name ?? '');
  const keep = (id: string | undefined) => save.mutate({ id, name, sql }, { onSuccess: (q) => { onSaved(q); onClose(); } });
  return (
    <Dialog onClose={onClose} title="Save the query" size="md">
      <form onSubmit={(e) => { e.preventDefault(); keep(query?.id); }}>
        <Stack gap="sm">
          <TextInput label="Name" description="All analysts of the workspace see it." data-autofocus value={name} onChange={(e) => setName(e.currentTarget.value)} required maxLength={200} />
          {save.error && <ProblemNotice error={save.error} />}
          <Group justify="flex-end" gap="xs">
            {query && (
              <Button variant="default" onClick={() => keep(undefined)} disabled={save.isPending || name.trim() === '' || name.trim() === query.name} title="Under another name">
                Save as new
              </Button>
            )}
            <Button type="submit" loading={save.isPending} disabled={name.trim() === ''}>
              {query ? `Change “${query.name.length > 24 ? `${query.name.slice(0, 24)}…` : query.name}”` : 'Save'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

/** What ran in this tab. */
export function HistoryMenu({ onOpen }: { onOpen: (sql: string) => void }) {
  const [list, setList] = useState<Past[]>([]);
  return (
    <Menu width={380} position="bottom-start" onOpen={() => setList(past())}>
      <Menu.Target>
        <Button variant="default" leftSection={<IconHistory size={15} stroke={1.6} aria-hidden />} rightSection={<IconChevronDown size={13} aria-hidden />}>
          History
        </Button>
      </Menu.Target>
      <Menu.Dropdown className={css.menu}>
        {list.length === 0 && <Menu.Label>What runs in this tab is listed here until you sign out.</Menu.Label>}
        {list.map((p) => (
          <Menu.Item key={p.at + p.sql} onClick={() => onOpen(p.sql)}>
            <span className="mono cut">{p.sql.replace(/\s+/g, ' ').slice(0, 200)}</span>
            <small>
              {ago(new Date(p.at), 'UTC')} · {p.failed ? 'failed' : `${compact(p.rows)} ${plural(p.rows, 'row')}, ${duration(p.seconds)}`}
            </small>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

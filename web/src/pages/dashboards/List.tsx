import { ActionIcon, Button, Group, Stack, TextInput } from '@mantine/core';
import { IconLayoutDashboard, IconPlus, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useDashboards, useDeleteDashboard, useSaveDashboard, type DashboardHead } from '../../api/dashboards';
import { may, useMe } from '../../api/session';
import { counted } from '../../format/numbers';
import { ago } from '../../format/time';
import { Answer, Notice, ProblemNotice } from '../../parts/Answer';
import { Confirm } from '../../parts/Confirm';
import { Dialog } from '../../parts/Dialog';
import css from './Dashboards.module.css';

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function List() {
  const me = useMe();
  const writes = may(me.data, 'analyst');
  const dashboards = useDashboards();
  const [making, make] = useState(false);
  const [deleting, askDelete] = useState<DashboardHead>();
  const remove = useDeleteDashboard();
  const button = writes && (
    <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => make(true)}>
      New dashboard
    </Button>
  );
  return (
    <div className={css.page}>
      <Answer
        query={dashboards}
        height={240}
        empty={(l) =>
          l.length === 0 && (
            <Notice title="No dashboard yet" action={button}>
              A dashboard is a page of panels: numbers, lines, lists, funnels and statements that you want to see together, of one site or of several.{!writes && ' An analyst or an admin makes one.'}
            </Notice>
          )
        }
      >
        {(l) => (
          <>
            <div className={css.bar}>
              <span className={css.dim}>{counted(l.length, 'dashboard')}</span>
              {button}
            </div>
            <ul className={css.dashboards}>
              {l.map((d) => (
                <li key={d.id}>
                  <Link href={`/dashboards/${d.id}`} className={css.dashboard}>
                    <IconLayoutDashboard size={20} stroke={1.5} aria-hidden />
                    <span>
                      <strong className="cut">{d.name}</strong>
                      <small>
                        {counted(d.panels, 'panel')}, changed {ago(d.updated, zone)}
                      </small>
                    </span>
                  </Link>
                  {writes && (
                    <ActionIcon variant="subtle" color="gray" aria-label={`Delete ${d.name}`} onClick={() => askDelete(d)}>
                      <IconTrash size={16} stroke={1.6} aria-hidden />
                    </ActionIcon>
                  )}
                </li>
              ))}
            </ul>
          </>
        )}
      </Answer>
      {making && <New onClose={() => make(false)} />}
      {deleting && (
        <Confirm title={`Delete ${deleting.name}?`} what={deleting.name} action="Delete" onConfirm={() => remove.mutateAsync(deleting.id)} onClose={() => askDelete(undefined)}>
          Its {deleting.panels === 1 ? 'panel goes' : `${deleting.panels} panels go`} with it, and embeds of them end at once. This cannot be undone.
        </Confirm>
      )}
    </div>
  );
}

function New({ onClose }: { onClose: () => void }) {
  const [name, write] = useState('');
  const save = useSaveDashboard();
  const [, go] = useLocation();
  return (
    <Dialog onClose={onClose} title="New dashboard" size="md">
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (name.trim()) save.mutate({ name: name.trim(), panels: [] }, { onSuccess: (d) => go(`/dashboards/${d.id}?edit=1`) });
        }}
      >
        <Stack gap="sm">
          <TextInput label="Name" value={name} onChange={(e) => write(e.currentTarget.value)} data-autofocus maxLength={200} autoComplete="off" />
          {save.error && <ProblemNotice error={save.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" disabled={!name.trim()} loading={save.isPending}>
              Make it
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

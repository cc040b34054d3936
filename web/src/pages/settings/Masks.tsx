import { ActionIcon, Autocomplete, Button, Group, Select, Stack } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'wouter';
import { useChangeMasks, usePolicy, useSchemaNames, useSources, type Mask, type Source } from '../../api/settings';
import { byName } from '../../format/names';
import { counted } from '../../format/numbers';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { Confirm } from '../../parts/Confirm';
import { DataTable } from '../../parts/DataTable';
import { named } from './fields';
import css from './Settings.module.css';

/** What of personal data is stored, source by source, and who sees what is stored. */
export default function Masks() {
  return (
    <div className={css.stack}>
      <Stored />
      <Seen />
    </div>
  );
}

const said = ({ privacy: p }: Source): string => {
  const list = [p.consent_required && 'consent required', p.cookieless && 'cookieless', p.pseudonymise && 'ids pseudonymised', p.keep_query_strings ? 'query strings kept' : 'query strings cut'].filter((t): t is string => typeof t === 'string');
  const rules = p.rules?.length ?? 0;
  if (rules > 0) list.push(counted(rules, 'rule'));
  return named(list.join(', '));
};

function Stored() {
  const sources = useSources();
  return (
    <Card title="What is stored" className={css.flush}>
      <Answer query={sources} height={80} empty={(l) => l.length === 0 && 'There is no source yet.'}>
        {(list) => (
          <DataTable
            label="Privacy of the sources"
            rows={[...list].sort(byName)}
            id={(s) => s.id}
            columns={[
              { head: 'Source', wide: true, cell: (s) => <Link href={`/settings?source=${encodeURIComponent(s.id)}`}>{s.name || s.id}</Link> },
              { head: 'Before anything is stored', wide: true, cell: said },
            ]}
          />
        )}
      </Answer>
    </Card>
  );
}

const who = { both: ['viewer', 'analyst'], viewer: ['viewer'] } as const;

function Seen() {
  const policy = usePolicy();
  const change = useChangeMasks();
  const names = useSchemaNames();
  const [column, setColumn] = useState('');
  const [action, setAction] = useState('hide');
  const [roles, setRoles] = useState<keyof typeof who>('both');
  const [doomed, doom] = useState<Mask>();
  return (
    <Card title="Who sees it" className={css.flush}>
      <p className={css.intro}>A masked column is empty, or a hash under which equal values stay equal, for the roles that are named. It holds from the next question on, for embeds, too; admins see everything.</p>
      <Answer query={policy} height={120}>
        {({ masks }) => (
          <>
            {(masks ?? []).length > 0 && (
              <DataTable
                label="Masks" cards
                rows={masks ?? []}
                id={(m) => m.column + (m.roles ?? []).join()}
                columns={[
                  {
                    head: 'Column or property',
                    wide: true,
                    cell: (m) => (
                      <span className={css.what}>
                        <span className="mono">{m.column}</span>
                        {m.unknown && <small> Not seen in any event yet: it hides nothing now. Check the spelling if events should have it.</small>}
                      </span>
                    ),
                  },
                  { head: 'Is', cell: (m) => (m.action === 'hash' ? 'Hashed' : 'Hidden') },
                  { head: 'For', cell: (m) => named((m.roles ?? []).map((r) => `${r}s`).join(' and ')) },
                  {
                    head: '',
                    right: true,
                    cell: (m) => (
                      <ActionIcon variant="subtle" color="gray" aria-label={`Remove the mask of ${m.column}`} onClick={() => doom(m)}>
                        <IconTrash size={15} stroke={1.6} aria-hidden />
                      </ActionIcon>
                    ),
                  },
                ]}
              />
            )}
            <form
              className={css.add}
              onSubmit={(e) => {
                e.preventDefault();
                change.mutate({ add: { column: column.trim(), action: action as Mask['action'], roles: [...who[roles]] } }, { onSuccess: () => setColumn('') });
              }}
            >
              <Stack gap="xs">
                <Group gap="xs" align="flex-end">
                  <Autocomplete label="Mask a column or property" placeholder="user_id" data={[...(names.data?.columns ?? []).filter((c) => c !== 'ts' && c !== 'received_at'), ...(names.data?.properties ?? []).map((p) => `props.${p}`)]} limit={40} size="sm" value={column} onChange={setColumn} style={{ flex: '2 1 200px' }} />
                  <Select label="How" data={[{ value: 'hide', label: 'Hide' }, { value: 'hash', label: 'Hash' }]} value={action} onChange={(v) => v && setAction(v)} allowDeselect={false} style={{ flex: '1 1 100px' }} />
                  <Select label="For" data={[{ value: 'both', label: 'Viewers and analysts' }, { value: 'viewer', label: 'Viewers' }]} value={roles} onChange={(v) => v && setRoles(v as keyof typeof who)} allowDeselect={false} style={{ flex: '1 1 170px' }} />
                  <Button type="submit" size="sm" loading={change.isPending} disabled={column.trim() === ''}>
                    Add
                  </Button>
                </Group>
                {change.error && <ProblemNotice error={change.error} />}
              </Stack>
            </form>
            {doomed && (
              <Confirm title={`Show ${doomed.column} again?`} what={doomed.column} action="Remove the mask" onConfirm={() => change.mutateAsync({ remove: doomed })} onClose={() => doom(undefined)}>
                {named((doomed.roles ?? []).map((r) => `${r}s`).join(' and '))} see <b className="mono">{doomed.column}</b> from the next question on, also of events that are stored already.
              </Confirm>
            )}
          </>
        )}
      </Answer>
    </Card>
  );
}

import { Button, Group, Menu, Select, Stack, TextInput } from '@mantine/core';
import { IconDots, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { changes, useChange, useKeys, useSources, useTenantId, type Key } from '../../api/settings';
import { ago, dayFull } from '../../format/time';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { Confirm } from '../../parts/Confirm';
import { Copy } from '../../parts/Copy';
import { DataTable } from '../../parts/DataTable';
import { Dialog } from '../../parts/Dialog';
import { named, roleOptions, roles } from './fields';
import css from './Settings.module.css';

type Made = Key & { key: string };

/** The keys of the tenant: made with a secret that is shown once, replaced with an overlap, revoked. */
export default function Keys() {
  const keys = useKeys();
  const [making, make] = useState(false);
  const [made, setMade] = useState<Made>();
  const [doomed, doom] = useState<Key>();
  const [old, replace] = useState<Key>();
  const tenant = useTenantId();
  const remove = useChange();
  const label = (k: Key) => k.name || k.id;
  return (
    <Card title="Keys" aside={<Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => make(true)}>New key</Button>} className={css.flush}>
      <Answer query={keys} height={200} empty={(l) => l.length === 0 && 'There is no key. People who sign in with a password need none.'}>
        {(list) => (
          <DataTable
            label="Keys" cards
            rows={[...list].sort((a, b) => Date.parse(a.created) - Date.parse(b.created))}
            id={(k) => k.id}
            columns={[
              {
                head: 'Name',
                wide: true,
                cell: (k) => (
                  <span className={css.what}>
                    <strong>{label(k)}</strong>
                    <small className="mono">{k.id}</small>
                  </span>
                ),
              },
              { head: 'Role', cell: (k) => <span title={roles[k.role]}>{named(k.role)}</span> },
              { head: 'Site', cell: (k) => (k.site_id ? <span className="mono">{k.site_id}</span> : <span className={css.quiet}>All</span>) },
              { head: 'Made', quiet: true, cell: (k) => dayFull(k.created, 'UTC') },
              { head: 'Used', quiet: true, cell: (k) => (k.used ? ago(k.used, 'UTC') : 'Never') },
              { head: 'Ends', cell: (k) => (k.expired ? <span className={css.bad}>Expired</span> : k.expires ? dayFull(k.expires, 'UTC') : <span className={css.quiet}>Never</span>) },
              {
                head: '',
                right: true,
                cell: (k) => (
                  <Menu position="bottom-end">
                    <Menu.Target>
                      <Button variant="subtle" px={8} aria-label={`What to do with ${label(k)}`}>
                        <IconDots size={16} aria-hidden />
                      </Button>
                    </Menu.Target>
                    <Menu.Dropdown>
                      <Menu.Item onClick={() => replace(k)} disabled={k.expired}>
                        Replace…
                      </Menu.Item>
                      <Menu.Item className={css.bad} onClick={() => doom(k)}>
                        Revoke…
                      </Menu.Item>
                    </Menu.Dropdown>
                  </Menu>
                ),
              },
            ]}
          />
        )}
      </Answer>
      {making && (
        <NewKey
          onClose={() => make(false)}
          onMade={(k) => {
            make(false);
            setMade(k);
          }}
        />
      )}
      {old && (
        <Replace
          old={old}
          onClose={() => replace(undefined)}
          onMade={(k) => {
            replace(undefined);
            setMade(k);
          }}
        />
      )}
      {made && (
        <Dialog onClose={() => setMade(undefined)} title={`The key ${label(made)}`} size="lg" closeOnClickOutside={false}>
          <Stack gap="sm">
            <p className={css.text}>It is shown only now: weir keeps a hash of it. Whoever has it may do what its role may ({named(made.role)}: {roles[made.role]?.toLowerCase()}).</p>
            <Copy label="Secret" text={made.key} />
            <p className={css.text}>
              Send it as <span className="mono">Authorization: Bearer …</span>, never in an address.
            </p>
            <Group justify="flex-end">
              <Button onClick={() => setMade(undefined)}>I have kept it</Button>
            </Group>
          </Stack>
        </Dialog>
      )}
      {doomed && (
        <Confirm title={`Revoke ${label(doomed)}?`} what={label(doomed)} action="Revoke the key" onConfirm={() => remove.mutateAsync(changes(tenant).deleteKey(doomed.id))} onClose={() => doom(undefined)}>
          What uses the key <b>{label(doomed)}</b> ({named(doomed.role)}) is refused from now on. {doomed.used ? `It was last used ${ago(doomed.used, 'UTC')}.` : 'It was never used.'}
        </Confirm>
      )}
    </Card>
  );
}

const ends = [
  { value: '', label: 'Never' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
];
const inDays = (n: string) => (n ? new Date(Date.now() + Number(n) * 86_400_000).toISOString() : undefined);

function NewKey({ onMade, onClose }: { onMade: (k: Made) => void; onClose: () => void }) {
  const tenant = useTenantId();
  const sources = useSources();
  const change = useChange<Made>(onMade);
  const [name, setName] = useState('');
  const [role, setRole] = useState('viewer');
  const [source, setSource] = useState('');
  const [until, setUntil] = useState('');
  const [tried, setTried] = useState(false);
  return (
    <Dialog onClose={() => !change.isPending && onClose()} title="New key" size="md">
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          setTried(true);
          if (name.trim() === '') return;
          const expires = inDays(until);
          change.mutate(changes(tenant).createKey({ role, name: name.trim(), ...(expires && { expires }), ...(role === 'writer' && source && { source }) }));
        }}
      >
        <Stack gap="sm">
          <TextInput label="Name" description="What it is for." placeholder="BI tool" data-autofocus required value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={200} error={tried && name.trim() === '' ? 'A key needs a name.' : undefined} />
          <Select label="Role" description={`${roles[role]}.`} data={roleOptions(Object.keys(roles))} value={role} onChange={(v) => v && setRole(v)} allowDeselect={false} />
          {role === 'writer' && (
            <Select
              label="Site"
              description="A key of one site sends events of that site only."
              data={[{ value: '', label: 'All sites' }, ...(sources.data ?? []).map((s) => ({ value: s.id, label: s.name || s.id }))]}
              value={source}
              onChange={(v) => setSource(v ?? '')}
              allowDeselect={false}
            />
          )}
          <Select label="Ends" data={ends} value={until} onChange={(v) => setUntil(v ?? '')} allowDeselect={false} />
          {change.error && <ProblemNotice error={change.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose} disabled={change.isPending}>
              Cancel
            </Button>
            <Button type="submit" loading={change.isPending}>
              Create the key
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

const overlaps = [
  { value: '0', label: 'Not at all' },
  { value: '1h', label: 'For an hour' },
  { value: '24h', label: 'For a day' },
  { value: '7d', label: 'For a week' },
];

function Replace({ old, onMade, onClose }: { old: Key; onMade: (k: Made) => void; onClose: () => void }) {
  const tenant = useTenantId();
  const change = useChange<Made>(onMade);
  const [overlap, setOverlap] = useState('24h');
  const [until, setUntil] = useState('');
  const expires = inDays(until);
  return (
    <Dialog onClose={() => !change.isPending && onClose()} title={`Replace ${old.name || old.id}`} size="md">
      <form
        onSubmit={(e) => {
          e.preventDefault();
          change.mutate(changes(tenant).rotateKey(old.id, { overlap, ...(expires ? { expires } : { never: true }) }));
        }}
      >
        <Stack gap="sm">
          <p className={css.text}>A new key with the same name, role and site is made. The old one goes on for a while, so that what uses it can change over.</p>
          <Select label="The old key works on" data={overlaps} value={overlap} onChange={(v) => v && setOverlap(v)} allowDeselect={false} data-autofocus />
          <Select label="The new key ends" data={ends} value={until} onChange={(v) => setUntil(v ?? '')} allowDeselect={false} />
          {change.error && <ProblemNotice error={change.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose} disabled={change.isPending}>
              Cancel
            </Button>
            <Button type="submit" loading={change.isPending}>
              Replace the key
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

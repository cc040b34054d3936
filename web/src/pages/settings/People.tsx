import { Button, Group, Menu, PasswordInput, Select, Stack, TextInput } from '@mantine/core';
import { IconDots, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { asProblem } from '../../api/problem';
import { changes, useChange, useTenantId, useUsers, type User } from '../../api/settings';
import { useMe } from '../../api/session';
import { dayFull } from '../../format/time';
import { Answer, Notice, ProblemNotice } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { Confirm } from '../../parts/Confirm';
import { DataTable } from '../../parts/DataTable';
import { Dialog } from '../../parts/Dialog';
import { faultOf, roleOptions, roles } from './fields';
import css from './Settings.module.css';

const humanRoles = ['viewer', 'analyst', 'admin'];

/** The people who sign in with an address and a password. */
export default function People() {
  const users = useUsers();
  const me = useMe().data;
  const tenant = useTenantId();
  const change = useChange();
  const [making, make] = useState(false);
  const [doomed, doom] = useState<User>();
  const [locked, unlock] = useState<User>();
  if (users.error && asProblem(users.error).status === 404) return <Notice title="Nobody signs in with a password here">This installation takes keys and identity providers only.</Notice>;
  const label = (u: User) => u.name || u.email;
  return (
    <Card title="People" aside={<Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => make(true)}>New person</Button>} className={css.flush}>
      {change.error && <ProblemNotice error={change.error} />}
      <Answer query={users} height={160} empty={(l) => l.length === 0 && 'Nobody signs in with a password yet. Make a person, and give them their password.'}>
        {(list) => (
          <DataTable
            label="People" cards
            rows={list}
            id={(u) => u.id}
            columns={[
              {
                head: 'Name',
                wide: true,
                cell: (u) => (
                  <span className={css.what}>
                    <strong>{label(u)}</strong>
                    <small>{u.name ? u.email : ''}</small>
                  </span>
                ),
              },
              {
                head: 'Role',
                cell: (u) => (
                  <Select
                    aria-label={`Role of ${label(u)}`}
                    size="xs"
                    w={116}
                    data={roleOptions(humanRoles)}
                    value={u.role}
                    disabled={me?.user === u.id || change.isPending}
                    onChange={(role) => role && role !== u.role && change.mutate(changes(tenant).updateUser(u.id, { role }))}
                    allowDeselect={false}
                  />
                ),
              },
              { head: 'Password', quiet: true, cell: (u) => (u.password ? 'Set' : <span className={css.bad}>None</span>) },
              { head: 'Since', quiet: true, cell: (u) => dayFull(u.created, 'UTC') },
              {
                head: '',
                right: true,
                cell: (u) => (
                  <Menu position="bottom-end">
                    <Menu.Target>
                      <Button variant="subtle" px={8} aria-label={`What to do with ${label(u)}`}>
                        <IconDots size={16} aria-hidden />
                      </Button>
                    </Menu.Target>
                    <Menu.Dropdown>
                      <Menu.Item onClick={() => unlock(u)}>Set a password…</Menu.Item>
                      <Menu.Item className={css.bad} disabled={me?.user === u.id} onClick={() => doom(u)}>
                        Delete…
                      </Menu.Item>
                    </Menu.Dropdown>
                  </Menu>
                ),
              },
            ]}
          />
        )}
      </Answer>
      {making && <NewPerson onClose={() => make(false)} />}
      {locked && <Password user={locked} onClose={() => unlock(undefined)} />}
      {doomed && (
        <Confirm title={`Delete ${label(doomed)}?`} what={doomed.email} typed action="Delete the person" onConfirm={() => change.mutateAsync(changes(tenant).deleteUser(doomed.id))} onClose={() => doom(undefined)}>
          <b>{label(doomed)}</b> is signed out at once and cannot sign in again. Dashboards that they made stay.
        </Confirm>
      )}
    </Card>
  );
}

function NewPerson({ onClose }: { onClose: () => void }) {
  const tenant = useTenantId();
  const change = useChange();
  const [email, setEmail] = useState('');
  const [name, setName] = useState('');
  const [role, setRole] = useState('viewer');
  const [password, setPassword] = useState('');
  const [tried, setTried] = useState(false);
  const fault = (f: string) => faultOf(change.error, f);
  return (
    <Dialog onClose={onClose} title="New person" size="md">
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          setTried(true);
          if (email.trim() === '' || password === '') return;
          change.mutate(changes(tenant).createUser({ email: email.trim(), name: name.trim(), role, password }), { onSuccess: onClose });
        }}
      >
        <Stack gap="sm">
          <TextInput label="E-mail" description="What they sign in with." type="email" data-autofocus required value={email} onChange={(e) => setEmail(e.currentTarget.value)} error={fault('email') ?? (tried && email.trim() === '' ? 'A person needs an e-mail address.' : undefined)} autoComplete="off" />
          <TextInput label="Name" value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={200} autoComplete="off" />
          <Select label="Role" description={`${roles[role]}.`} data={roleOptions(humanRoles)} value={role} onChange={(v) => v && setRole(v)} allowDeselect={false} />
          <PasswordInput label="Password" description="At least 12 characters. Give it to them in a safe way." required value={password} onChange={(e) => setPassword(e.currentTarget.value)} error={fault('password') ?? (tried && password === '' ? 'A person needs a password.' : undefined)} autoComplete="new-password" />
          {change.error && !fault('email') && !fault('password') && <ProblemNotice error={change.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={change.isPending}>
              Create the person
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

function Password({ user, onClose }: { user: User; onClose: () => void }) {
  const tenant = useTenantId();
  const change = useChange();
  const [password, setPassword] = useState('');
  const fault = faultOf(change.error, 'password');
  return (
    <Dialog onClose={onClose} title={`A password for ${user.name || user.email}`} size="md">
      <form
        onSubmit={(e) => {
          e.preventDefault();
          change.mutate(changes(tenant).updateUser(user.id, { password }), { onSuccess: onClose });
        }}
      >
        <Stack gap="sm">
          <PasswordInput label="New password" description="At least 12 characters. It ends their sessions." data-autofocus required value={password} onChange={(e) => setPassword(e.currentTarget.value)} error={fault} autoComplete="new-password" />
          {change.error && !fault && <ProblemNotice error={change.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={change.isPending} disabled={password === ''}>
              Set the password
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

import { Button, Group, Select, Stack, TagsInput, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { IconChevronRight, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { changes, useChange, useSources, useTenantId, type Source } from '../../api/settings';
import { byName } from '../../format/names';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { Dialog } from '../../parts/Dialog';
import { useParam } from '../../state/url';
import { searched } from '../../parts/searched';
import { faultOf } from './fields';
import { SourceSettings } from './Source';
import css from './Settings.module.css';
import { Arrival } from './Snippet';
import { ownZone, zones } from './zones';

/** The sources of the tenant; one of them is opened by the address. */
export default function Sources() {
  const sources = useSources();
  const [id, open] = useParam('source');
  const [made, setMade] = useState<{ id: string; key: string }>();
  const [making, make] = useState(false);
  const queries = useQueryClient();
  return (
    <Answer query={sources} height={240}>
      {(list) => {
        const one = list.find((s) => s.id === id);
        if (one) return <SourceSettings key={one.id} source={one} writeKey={made?.id === one.id ? made.key : undefined} onClose={() => open('')} />;
        return (
          <Card title="Sources" aside={<Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => make(true)}>New source</Button>} className={css.flush}>
            {id !== '' && <p className={css.hint}>There is no source called {id}.</p>}
            {list.length === 0 && (
              <p className={css.hint}>
                A source is a site, an app or a service that sends events. Make one, put its snippet into your pages, and this page says when the first event arrives.
              </p>
            )}
            <ul className={css.list}>
              {[...list].sort(byName).map((s) => (
                <Row key={s.id} source={s} onOpen={() => open(s.id)} />
              ))}
            </ul>
            {making && (
              <NewSource
                taken={list.map((s) => s.id)}
                onClose={() => make(false)}
                onMade={({ write_key, ...s }) => {
                  queries.setQueryData<Source[]>(['settings', 'sources'], (old) => [...(old ?? []), s]);
                  setMade({ id: s.id, key: write_key });
                  make(false);
                  open(s.id);
                }}
              />
            )}
          </Card>
        );
      }}
    </Answer>
  );
}

function Row({ source: s, onOpen }: { source: Source; onOpen: () => void }) {
  return (
    <li>
      <button type="button" className={css.row} onClick={onOpen}>
        <span className={css.what}>
          <strong className="cut">{s.name || s.id}</strong>
          <small className="mono cut">{s.site_id}</small>
        </span>
        <Arrival site={s.site_id} zone={s.time_zone} short />
        <IconChevronRight size={16} stroke={1.6} aria-hidden />
      </button>
    </li>
  );
}

const idOf = (name: string) =>
  name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);

function NewSource({ taken, onMade, onClose }: { taken: string[]; onMade: (s: Source & { write_key: string }) => void; onClose: () => void }) {
  const tenant = useTenantId();
  const change = useChange<Source & { write_key: string }>(onMade);
  const [name, setName] = useState('');
  const [typed, setId] = useState<string>();
  const [zone, setZone] = useState(ownZone);
  const [hostnames, setHostnames] = useState<string[]>([]);
  const [tried, setTried] = useState(false);
  const id = typed ?? idOf(name);
  const fault = (f: string) => faultOf(change.error, f);
  return (
    <Dialog onClose={() => !change.isPending && onClose()} title="New source" size="md">
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          setTried(true);
          if (id === '' || name.trim() === '' || taken.includes(id)) return;
          change.mutate(changes(tenant).createSource({ id, name: name.trim(), time_zone: zone, hostnames }));
        }}
      >
        <Stack gap="sm">
          <TextInput label="Name" placeholder="Shop" data-autofocus required value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={200} error={fault('name') ?? (tried && name.trim() === '' ? 'A source needs a name.' : undefined)} />
          <TextInput
            label="Id"
            description="In the API and the command line. It cannot change."
            required
            value={id}
            onChange={(e) => setId(e.currentTarget.value)}
            maxLength={63}
            classNames={{ input: 'mono' }}
            error={fault('id') ?? (taken.includes(id) ? 'There is a source with this id' : tried && id === '' ? 'A source needs an id.' : undefined)}
          />
          <Select label="Time zone" description="In which its days begin and its reports are." data={zones()} value={zone} onChange={(v) => v && setZone(v)} {...searched} limit={80} allowDeselect={false} error={fault('time_zone')} />
          <TagsInput label="Hostnames" description="Whose pages may send, like www.example.com or *.example.com; none allows all." value={hostnames} onChange={setHostnames} splitChars={[',', ' ']} error={fault('hostnames')} />
          {change.error && !['id', 'name', 'time_zone', 'hostnames'].some(fault) && <ProblemNotice error={change.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose} disabled={change.isPending}>
              Cancel
            </Button>
            <Button type="submit" loading={change.isPending}>
              Create the source
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

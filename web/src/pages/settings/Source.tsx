import { Button, Group, Select, Switch, TagsInput, TextInput } from '@mantine/core';
import { IconArrowLeft } from '@tabler/icons-react';
import { useState } from 'react';
import { changes, useChange, useTenantId, type Source } from '../../api/settings';
import { dayFull } from '../../format/time';
import { Card } from '../../parts/Card';
import { Confirm } from '../../parts/Confirm';
import { searched } from '../../parts/searched';
import { faultOf, Form, useDraft } from './fields';
import { PrivacyForm } from './PrivacyForm';
import css from './Settings.module.css';
import { Snippet } from './Snippet';
import { days, zones } from './zones';

/** One source: its snippet, what it is called, who may send to it, what is done about personal data, and its end. */
export function SourceSettings({ source, writeKey, onClose }: { source: Source; writeKey: string | undefined; onClose: () => void }) {
  const tenant = useTenantId();
  const remove = useChange();
  const [doomed, doom] = useState(false);
  const name = source.name || source.id;
  return (
    <div className={css.stack}>
      <Group gap="sm" wrap="nowrap">
        <Button variant="default" leftSection={<IconArrowLeft size={15} aria-hidden />} onClick={onClose}>
          Sources
        </Button>
        <h2 className={`${css.title} cut`}>{name}</h2>
      </Group>
      <Snippet source={source} writeKey={writeKey} />
      <General source={source} />
      <PrivacyForm source={source} />
      <Card title="Delete the source">
        <Group justify="space-between" gap="sm">
          <p className={css.text}>Its write keys stop working at once, and its goals, segments and cohorts go. Events that are stored stay, and are read by SQL.</p>
          <Button variant="default" className={css.danger} onClick={() => doom(true)}>
            Delete…
          </Button>
        </Group>
      </Card>
      {doomed && (
        <Confirm
          title={`Delete ${name}?`}
          what={source.id}
          typed
          action="Delete the source"
          onConfirm={async () => {
            await remove.mutateAsync(changes(tenant).deleteSource(source.id));
            onClose();
          }}
          onClose={() => doom(false)}
        >
          Pages and servers that send with it are refused from then on. This cannot be undone.
        </Confirm>
      )}
    </div>
  );
}

type Fields = { name: string; time_zone: string; first_day: number; hostnames: string[]; aliases: string[]; strong: boolean };

function General({ source: s }: { source: Source }) {
  const tenant = useTenantId();
  const change = useChange();
  const { draft, set, changed, dirty, reset } = useDraft<Fields>({ name: s.name, time_zone: s.time_zone, first_day: s.first_day, hostnames: s.hostnames ?? [], aliases: s.aliases ?? [], strong: s.strong });
  const fault = (f: string) => faultOf(change.error, f);
  return (
    <Card title="General" aside={<span className={css.quiet}>since {dayFull(s.created, s.time_zone)}</span>}>
      <Form
        dirty={dirty}
        busy={change.isPending}
        error={change.error}
        known={['name', 'time_zone', 'hostnames', 'aliases']}
        onSave={() => change.mutate(changes(tenant).updateSource(s.id, changed), { onSuccess: reset })}
        onReset={() => {
          reset();
          change.reset();
        }}
      >
        <div className={css.pair}>
          <TextInput label="Name" value={draft.name} onChange={(e) => set({ name: e.currentTarget.value })} maxLength={200} error={fault('name')} />
          <TextInput label="Site id" description="In events and the snippet; it stays." value={s.site_id} readOnly classNames={{ input: 'mono' }} />
          <Select label="Time zone" description="Of its days and reports." data={zones()} value={draft.time_zone} onChange={(v) => v && set({ time_zone: v })} {...searched} limit={80} allowDeselect={false} error={fault('time_zone')} />
          <Select label="First day of the week" description="Of weeks in reports." data={days} value={String(draft.first_day)} onChange={(v) => v && set({ first_day: Number(v) })} allowDeselect={false} />
        </div>
        <TagsInput label="Hostnames" description="Hosts whose pages may send, like www.example.com, or *.example.com with its subdomains. None allows all." value={draft.hostnames} onChange={(v) => set({ hostnames: v })} splitChars={[',', ' ']} error={fault('hostnames')} />
        <TagsInput label="Aliases" description="Foreign ids that stand for this source: a domain, a project key or an app id of another product's SDK." value={draft.aliases} onChange={(v) => set({ aliases: v })} splitChars={[',', ' ']} error={fault('aliases')} />
        <Switch label="Strong reads" description="Questions wait until everything that was acknowledged before them can be seen. They take longer." checked={draft.strong} onChange={(e) => set({ strong: e.currentTarget.checked })} />
      </Form>
    </Card>
  );
}

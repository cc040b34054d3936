import { Select, TextInput } from '@mantine/core';
import { changes, useChange, useTenant, useTenantId } from '../../api/settings';
import { dayFull } from '../../format/time';
import { Answer } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { faultOf, Form, useDraft } from './fields';
import css from './Settings.module.css';

type Tenant = NonNullable<ReturnType<typeof useTenant>['data']>;

/** The tenant itself: what its admin decides about all sites, and what the operator has set. */
export default function General() {
  const tenant = useTenant();
  return (
    <Answer query={tenant} height={260}>
      {(t) => (
        <div className={css.stack}>
          <Sessions tenant={t} />
          <Card title="Workspace">
            <dl className={css.facts}>
              <dt>Name</dt>
              <dd>{t.name || t.id}</dd>
              <dt>Id</dt>
              <dd className="mono">{t.id}</dd>
              <dt>Events are kept</dt>
              <dd>{t.retention === '0' ? 'Without end' : t.retention}</dd>
              <dt>Region</dt>
              <dd>{t.region || 'Of the installation'}</dd>
              <dt>Since</dt>
              <dd>{dayFull(t.created, 'UTC')}</dd>
            </dl>
            <p className={css.text}>The operator of this installation sets these.</p>
          </Card>
        </div>
      )}
    </Answer>
  );
}

const usual = ['5m', '15m', '30m', '1h', '2h', '4h', '24h'];
const words: Record<string, string> = { '5m': '5 minutes', '15m': '15 minutes', '30m': '30 minutes', '1h': 'An hour', '2h': '2 hours', '4h': '4 hours', '24h': 'A day' };

function Sessions({ tenant: t }: { tenant: Tenant }) {
  const change = useChange();
  const id = useTenantId();
  const { draft, set, dirty, reset } = useDraft({ timeout: t.settings.session_timeout });
  const listed = usual.includes(draft.timeout);
  const fault = faultOf(change.error, 'settings.session_timeout');
  return (
    <Card title="Sessions">
      <Form
        dirty={dirty}
        busy={change.isPending}
        error={change.error}
        known={['settings.session_timeout']}
        onSave={() => change.mutate(changes(id).setTimeout(draft.timeout), { onSuccess: reset })}
        onReset={() => {
          reset();
          change.reset();
        }}
      >
        <div className={css.pair}>
          <Select
            label="A session ends after a pause of"
            description="Sessions of the past are made anew by it, for all sites."
            data={[...usual.map((u) => ({ value: u, label: words[u]! })), { value: '', label: 'Another length' }]}
            value={listed ? draft.timeout : ''}
            onChange={(v) => set({ timeout: v || '45m' })}
            allowDeselect={false}
          />
          {!listed && <TextInput label="Length" description="5m to 24h, like 45m or 90m." value={draft.timeout} onChange={(e) => set({ timeout: e.currentTarget.value })} error={fault} />}
        </div>
        {listed && fault && <p className={css.fault}>{fault}</p>}
      </Form>
    </Card>
  );
}

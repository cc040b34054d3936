import { Button, NumberInput } from '@mantine/core';
import { IconArrowLeft } from '@tabler/icons-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { useSigning } from '../../api/session';
import { useLimitsChange, useTenant, type Limits } from '../../api/tenants';
import { money, precise } from '../../format/money';
import { bytes, compact, exact, show } from '../../format/numbers';
import { dayFull } from '../../format/time';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import css from './Tenants.module.css';

const fields: [keyof Limits, string, string][] = [
  ['events_per_second', 'Events a second', '0 is the installation’s default'],
  ['bytes_per_second', 'Bytes a second', 'Of request bodies; 0 is the default'],
  ['burst_seconds', 'Burst, seconds', 'How many seconds’ worth may come at once'],
  ['event_bytes', 'Bytes of an event', '0 is the installation’s limit'],
  ['queries', 'Queries at once', 'Further ones wait; 0 is the default'],
  ['expensive_queries', 'Expensive queries at once', 'More than 10 s of CPU; 0 is the default'],
  ['cpu_seconds_per_minute', 'CPU seconds a minute', 'Of all queries; 0 is the default'],
  ['cpu_seconds_per_hour', 'CPU seconds an hour', 'Of all queries; 0 is the default'],
  ['scan_bytes_per_hour', 'Bytes read an hour', 'By all queries; 0 is the default'],
  ['result_bytes', 'Bytes of an answer', '0 is the default'],
  ['weight', 'Weight', 'Share of the machine while others wait; 0 is 1'],
];

/** One tenant: what it did in the last day, and its limits, which the operator changes here. */
export function Tenant({ id, onBack }: { id: string; onBack: () => void }) {
  const query = useTenant(id);
  const { actFor } = useSigning();
  const [, go] = useLocation();
  return (
    <div className={css.page}>
      <div className={css.bar}>
        <Button variant="subtle" size="compact-sm" leftSection={<IconArrowLeft size={16} aria-hidden />} onClick={onBack}>
          All tenants
        </Button>
        <Button variant="light" size="compact-sm" onClick={() => void actFor(id).then(() => go('/'))}>
          Open its dashboard
        </Button>
      </div>
      <Answer query={query} height={520}>
        {(d) => (
          <div className={css.page}>
            <Card title={d.tenant.name || id} aside={<span className="mono">{id}</span>}>
              <dl className={css.tiles}>
                {(
                  [
                    ['Received', compact(d.total?.received), exact(d.total?.received)],
                    ['Stored', compact(d.total?.stored), exact(d.total?.stored)],
                    ['Rejected', compact(d.total?.rejected), exact(d.total?.rejected)],
                    ['Bytes in', bytes(d.total?.bytes), exact(d.total?.bytes)],
                    ['CPU', show(d.total?.resources?.cpu_seconds, 'seconds'), `${exact(d.total?.resources?.cpu_seconds)} s`],
                    costOf(d.total?.resources),
                  ] as const
                ).map(([name, text, title]) => (
                  <div key={name} title={title}>
                    <dt>{name}</dt>
                    <dd className="num">{text}</dd>
                  </div>
                ))}
              </dl>
              <p className={css.small}>
                In the last 24 hours. Since {dayFull(d.tenant.created, 'UTC')}; queries used {show(d.limits.now.cpu_seconds_last_hour, 'seconds')} of CPU in the last hour
                {d.limits.now.waits_for && `; some wait for ${d.limits.now.waits_for}`}
                {d.limits.now.budget_action && `; its budget is spent (${d.limits.now.budget_action})`}.
              </p>
            </Card>
            <LimitsForm key={JSON.stringify(d.tenant.limits)} id={id} own={d.tenant.limits} hold={d.limits.limits} />
          </div>
        )}
      </Answer>
    </div>
  );
}

function costOf(r: { amount: number; currency: string } | undefined): readonly [string, string, string] {
  return r ? ['Cost', money(r.currency, r.amount)(r.amount), precise(r.amount, r.currency)] : ['Cost', '–', ''];
}

function LimitsForm({ id, own, hold }: { id: string; own: Limits; hold: Limits }) {
  const [values, setValues] = useState<Limits>(own);
  const change = useLimitsChange(id);
  const changed = Object.fromEntries(fields.filter(([f]) => values[f] !== own[f]).map(([f]) => [f, values[f]])) as Partial<Limits>;
  const any = Object.keys(changed).length > 0;
  return (
    <Card title="Limits" aside={<span className={css.small}>They hold from the next request on</span>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (any) change.mutate(changed);
        }}
      >
        <div className={css.fields}>
          {fields.map(([field, name, hint]) => (
            <NumberInput
              key={field}
              label={name}
              description={own[field] === 0 && hold[field] > 0 ? `${hint}: ${exact(hold[field])}` : hint}
              value={values[field]}
              min={0}
              allowDecimal={false}
              allowNegative={false}
              thousandSeparator=","
              onChange={(v) => setValues({ ...values, [field]: Number(v) || 0 })}
            />
          ))}
        </div>
        {change.isError && <ProblemNotice error={change.error} />}
        <div className={css.bar}>
          <span role="status" className={css.small}>
            {change.isSuccess && !any ? 'Saved.' : any ? `${Object.keys(changed).length} changed` : ''}
          </span>
          <Button type="submit" disabled={!any} loading={change.isPending}>
            Save limits
          </Button>
        </div>
      </form>
    </Card>
  );
}

import { Button, Group, Stack, TextInput } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { useState } from 'react';
import { useBudget, type Budget, type Costs } from '../../api/costs';
import { useMe } from '../../api/session';
import { changes, useChange, useTenantId } from '../../api/settings';
import { money } from '../../format/money';
import { percent } from '../../format/numbers';
import { moment } from '../../format/time';
import { Answer, ProblemNotice } from '../../parts/Answer';
import { Card } from '../../parts/Card';
import { Copy } from '../../parts/Copy';
import { Dialog } from '../../parts/Dialog';
import css from './Usage.module.css';

const actions: Record<string, string> = {
  notify: 'When it is spent, you are told.',
  throttle: 'When it is spent, queries come last and one at a time. Events and reports go on.',
  block: 'When it is spent, queries are refused. Events and reports go on.',
};

/** The month's budget, how far it is spent, and who is told. */
export function BudgetCard({ costs }: { costs: UseQueryResult<Costs> }) {
  const [editing, edit] = useState(false);
  return (
    <Card title="Budget of this month" aside={costs.data?.budget ? <Button variant="default" onClick={() => edit(true)}>Notices…</Button> : undefined}>
      <Answer query={costs} height={64} empty={(d) => !d.budget && <Nobody />}>
        {(d) => d.budget && <Standing budget={d.budget} currency={d.currency} />}
      </Answer>
      {editing && <Webhook onClose={() => edit(false)} />}
    </Card>
  );
}

function Nobody() {
  const operator = useMe().data?.role === 'operator';
  const tenant = useTenantId();
  return (
    <span>
      There is no budget.{' '}
      {operator ? (
        <>
          Set one with PATCH /api/v1/tenants/{tenant}/policy.
        </>
      ) : (
        'The operator of this installation can set one; you are told at 50, 80 and 100 % of it.'
      )}
    </span>
  );
}

function Standing({ budget: b, currency }: { budget: Budget; currency: string }) {
  const write = money(currency, b.amount);
  const share = b.amount > 0 ? b.spent / b.amount : 0;
  return (
    <Stack gap="xs">
      <div className={css.standing}>
        <span>
          <b>{write(b.spent)}</b> of {write(b.amount)} spent ({percent(share)}), <b>{write(b.remaining)}</b> left
        </span>
      </div>
      <span className={css.meter} data-high={share >= 0.8 || undefined} data-over={b.exceeded || undefined} role="meter" aria-label="Spent of the budget" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.min(100, Math.round(share * 100))}>
        <i style={{ width: `${Math.min(100, share * 100)}%` }} />
        {[50, 80].map((n) => (
          <em key={n} style={{ left: `${n}%` }} title={`${n} %: a notice`} />
        ))}
      </span>
      <p className={css.quiet}>{b.exceeded ? `The budget is spent. ${b.action === 'notify' ? 'Nothing is held back.' : b.action === 'block' ? 'Queries are refused until the month ends (UTC).' : 'Queries come last, one at a time, until the month ends (UTC).'}` : (actions[b.action] ?? '')}</p>
      {(b.notices ?? []).length > 0 && (
        <ul className={css.notices}>
          {(b.notices ?? []).map((n) => (
            <li key={n.id}>
              <b>{n.threshold_percent} %</b> passed at {moment(n.at, 'UTC')} UTC: {n.state === 'sent' ? 'the webhook was told' : n.state === 'no_webhook' ? 'there is no webhook to tell' : n.state === 'failed' ? `the webhook could not be told (${n.reason ?? 'no reason'})` : 'the webhook is being told'}
            </li>
          ))}
        </ul>
      )}
    </Stack>
  );
}

/** Where notices go, and the key that signs them. */
function Webhook({ onClose }: { onClose: () => void }) {
  const budget = useBudget();
  return (
    <Dialog onClose={onClose} title="Notices of the budget" size="lg">
      <Answer query={budget} height={140}>
        {(b) => <WebhookForm budget={b} onClose={onClose} />}
      </Answer>
    </Dialog>
  );
}

function WebhookForm({ budget, onClose }: { budget: Budget; onClose: () => void }) {
  const tenant = useTenantId();
  const change = useChange();
  const now = budget.webhook ?? '';
  const [url, setURL] = useState(now);
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        change.mutate(changes(tenant).setWebhook(url.trim()), { onSuccess: onClose });
      }}
    >
      <Stack gap="sm">
        <TextInput label="Webhook" description="It gets a POST at 50, 80 and 100 % of the budget. Empty: nobody is told." placeholder="https://hooks.example.com/weir" data-autofocus value={url} onChange={(e) => setURL(e.currentTarget.value)} />
        {change.error && <ProblemNotice error={change.error} />}
        {budget.signing_key && (
          <>
            <p className={css.quiet}>Each notice has the header X-Weir-Signature, an HMAC-SHA256 with this key:</p>
            <Copy label="Signing key" text={budget.signing_key} />
          </>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={change.isPending} disabled={url.trim() === now}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

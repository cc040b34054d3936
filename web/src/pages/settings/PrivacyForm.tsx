import { ActionIcon, Autocomplete, Button, Select, Switch, TagsInput } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useRef } from 'react';
import { asProblem } from '../../api/problem';
import { changes, useChange, useSchemaNames, useTenantId, type PrivacyRule, type Source } from '../../api/settings';
import { Card } from '../../parts/Card';
import { useFollow } from '../../parts/focus';
import { faultOf, Form, useDraft } from './fields';
import css from './Settings.module.css';

const patterns = [
  { value: 'email', label: 'E-mail addresses' },
  { value: 'card', label: 'Payment card numbers' },
  { value: 'token', label: 'Tokens and passwords' },
  { value: 're:', label: 'A regular expression' },
  { value: 'field', label: 'A column or property' },
];
const actions = [
  { value: 'mask', label: 'Mask' },
  { value: 'hash', label: 'Hash' },
  { value: 'drop', label: 'Drop' },
];
const keep = { value: 'keep', label: 'Keep' };

// Columns that a rule can name; properties are named props.NAME.
const fields = ['client_id', 'user_id', 'session_id', 'url', 'path', 'referrer', 'referrer_host', 'utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'country', 'region', 'city', 'device', 'os', 'browser', 'user_agent', 'net'];

type Fields = Required<Pick<Source['privacy'], 'consent_required' | 'cookieless' | 'pseudonymise' | 'keep_query_strings'>> & { query_parameters: string[]; rules: PrivacyRule[] };

/** What is done about personal data of a source before anything is stored. It holds for events from then on. */
export function PrivacyForm({ source: s }: { source: Source }) {
  const tenant = useTenantId();
  const change = useChange();
  const p = s.privacy;
  const { draft, set, changed, dirty, reset } = useDraft<Fields>({ ...p, query_parameters: p.query_parameters ?? [], rules: p.rules ?? [] });
  const refused = change.error ? asProblem(change.error) : undefined;
  const rulesFault = refused?.field?.startsWith('privacy.rules') ? [refused.where, refused.said].filter(Boolean).join(': ') : undefined;
  const box = useRef<HTMLFieldSetElement>(null);
  const follow = useFollow(box, draft.rules);
  const rule = (i: number, r: PrivacyRule | undefined) => {
    if (!r) follow(draft.rules.length > 1 ? '[data-rule]' : '[data-add]', Math.max(0, Math.min(i, draft.rules.length - 2)));
    set({ rules: r ? draft.rules.map((o, j) => (j === i ? r : o)) : draft.rules.filter((_, j) => j !== i) });
  };
  return (
    <Card title="Privacy" aside={<span className={css.quiet}>for events that come from now on</span>}>
      <Form
        dirty={dirty}
        busy={change.isPending}
        error={rulesFault === undefined ? change.error : undefined}
        known={['privacy.query_parameters']}
        onSave={() => change.mutate(changes(tenant).updateSource(s.id, { privacy: changed }), { onSuccess: reset })}
        onReset={() => {
          reset();
          change.reset();
        }}
      >
        <Switch label="Consent required" description="The browser SDK sends and stores nothing before the visitor agreed." checked={draft.consent_required} onChange={(e) => set({ consent_required: e.currentTarget.checked })} />
        <Switch label="Cookieless" description="No id of a browser is kept. Visitors are told apart by an id of the day, made with a salt that is destroyed." checked={draft.cookieless} onChange={(e) => set({ cookieless: e.currentTarget.checked })} />
        <Switch label="Pseudonymise ids" description="client_id and user_id are replaced by a keyed hash of this workspace before anything is stored." checked={draft.pseudonymise} onChange={(e) => set({ pseudonymise: e.currentTarget.checked })} />
        <Switch label="Keep query strings" description="Otherwise only utm_* and the parameters below stay in addresses." checked={draft.keep_query_strings} onChange={(e) => set({ keep_query_strings: e.currentTarget.checked })} />
        {!draft.keep_query_strings && (
          <TagsInput label="Parameters that stay" description="Beside utm_*, like page or q." value={draft.query_parameters} onChange={(v) => set({ query_parameters: v })} splitChars={[',', ' ']} error={faultOf(change.error, 'privacy.query_parameters')} />
        )}
        <fieldset className={css.rules} ref={box}>
          <legend>Rules</legend>
          <p className={css.text}>Without rules, card numbers and tokens are masked everywhere, and e-mail addresses in addresses of pages. The first rule for a field or pattern counts.</p>
          {draft.rules.map((r, i) => (
            // rules have no ids; their order is what counts
            // oxlint-disable-next-line react/no-array-index-key
            <Rule key={i} n={i + 1} rule={r} onChange={(v) => rule(i, v)} />
          ))}
          {rulesFault && (
            <p className={css.fault} role="alert">
              {rulesFault}
            </p>
          )}
          <Button
            data-add
            variant="default"
            leftSection={<IconPlus size={15} aria-hidden />}
            onClick={() => {
              follow('[data-rule]', draft.rules.length);
              set({ rules: [...draft.rules, { pattern: 'email', action: 'mask' }] });
            }}
            disabled={draft.rules.length >= 50}
          >
            Add a rule
          </Button>
        </fieldset>
      </Form>
    </Card>
  );
}

function Rule({ n, rule: r, onChange }: { n: number; rule: PrivacyRule; onChange: (r: PrivacyRule | undefined) => void }) {
  const names = useSchemaNames();
  const isField = r.field !== undefined;
  const isExpression = r.pattern?.startsWith('re:') === true;
  const kind = isField ? 'field' : isExpression ? 're:' : (r.pattern ?? '');
  const pick = (k: string) => onChange(k === 'field' ? { field: '', action: r.action === 'keep' ? 'mask' : r.action } : { pattern: k, action: r.action });
  return (
    <div className={css.rule}>
      <Select data-rule aria-label={`Rule ${n}: what`} data={patterns} value={kind} onChange={(v) => v && pick(v)} allowDeselect={false} />
      {isField ? (
        <Autocomplete
          aria-label={`Rule ${n}: field`}
          placeholder="props.email"
          size="sm"
          data={[...fields, ...(names.data?.properties ?? []).map((p) => `props.${p}`)]}
          limit={40}
          value={r.field}
          onChange={(v) => onChange({ ...r, field: v })}
        />
      ) : isExpression ? (
        <input className={`${css.expression} mono`} aria-label={`Rule ${n}: expression`} placeholder="order-[0-9]+" value={r.pattern!.slice(3)} onChange={(e) => onChange({ ...r, pattern: `re:${e.currentTarget.value}` })} />
      ) : (
        <span />
      )}
      <Select aria-label={`Rule ${n}: action`} data={isField || isExpression ? actions : [...actions, keep]} value={r.action} onChange={(v) => v && onChange({ ...r, action: v })} allowDeselect={false} />
      <ActionIcon variant="subtle" color="gray" aria-label={`Remove rule ${n}`} onClick={() => onChange(undefined)}>
        <IconX size={15} aria-hidden />
      </ActionIcon>
    </div>
  );
}

import { Group, NumberInput } from '@mantine/core';
import { useState } from 'react';
import { useSaveCohort, type Cohort } from '../api/saved';
import * as names from '../format/names';
import { EventPicker } from '../parts/EventPicker';
import { Field } from '../parts/Field';
import { NameField, refusalOf, SavedForm } from '../parts/SavedForm';
import { UnheardEvent, UnheardProperties } from '../parts/Unheard';
import { filtersWithin } from '../parts/unheard';
import { parseFilter } from '../state/filters';

const fields = ['name', 'question'];

/** Makes a cohort of people who did something, or renames one. What the server refuses is said at its field. */
export default function CohortForm({ cohort, onClose }: { cohort?: Cohort; onClose: () => void }) {
  const save = useSaveCohort();
  const [name, setName] = useState(cohort?.name ?? '');
  const [did, setDid] = useState<{ type: string; filter?: string[] }>();
  const [atLeast, setAtLeast] = useState<number | string>(1);
  const [days, setDays] = useState<number | string>(30);
  const [tried, setTried] = useState(false);
  const { of } = refusalOf(save);
  const submit = () => {
    setTried(true);
    if (name.trim() === '' || (!cohort && !did)) return;
    const question = did && { did, at_least: Number(atLeast) || 1, within: `${Number(days) || 30}d` };
    save.mutate({ id: cohort?.id, name: name.trim(), ...(question && { question }) }, { onSuccess: onClose });
  };
  const page = did?.filter && parseFilter(did.filter[0] ?? '')?.values.join(' or ');
  return (
    <SavedForm title={cohort ? `Rename ${cohort.name}` : 'New cohort'} action={cohort ? 'Save' : 'Make the cohort'} save={save} fields={fields} onSubmit={submit} onClose={onClose}>
      <NameField description="Everybody who sees this site can filter by it." placeholder={cohort ? undefined : 'Buyers'} value={name} onChange={setName} save={save} wrong={tried && name.trim() === '' && 'A cohort needs a name.'} />
      {cohort && <UnheardProperties dims={filtersWithin(cohort.question).flatMap((t) => parseFilter(t)?.dim ?? [])} />}
      {!cohort && (
        <>
          <Field label="Event" says="What its people did: an event that the site sends, or a page." error={of('question') ?? (tried && !did ? 'Choose what people of the cohort did.' : undefined)}>
            <EventPicker
              label="Event"
              shown={did ? (page ?? names.event(did.type)) : ''}
              goals={false}
              onPick={(p) => {
                setDid({ type: p.type, ...(p.filter && { filter: p.filter }) });
                save.reset();
              }}
            />
            <UnheardEvent type={did?.type ?? ''} onMend={(type) => setDid({ type })} />
          </Field>
          <Group gap="sm" grow>
            <NumberInput label="Times, at least" min={1} max={1_000_000} allowDecimal={false} value={atLeast} onChange={setAtLeast} />
            <NumberInput label="Days back" min={1} max={400} allowDecimal={false} value={days} onChange={setDays} />
          </Group>
        </>
      )}
    </SavedForm>
  );
}

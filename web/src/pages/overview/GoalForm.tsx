import { NumberInput } from '@mantine/core';
import { useState } from 'react';
import { useSaveGoal, type Goal } from '../../api/saved';
import * as names from '../../format/names';
import { EventPicker } from '../../parts/EventPicker';
import { Field } from '../../parts/Field';
import { FiltersField, NameField, refusalOf, SavedForm } from '../../parts/SavedForm';
import { UnheardEvent } from '../../parts/Unheard';
import { parseFilter, writeFilter, type Filter } from '../../state/filters';

const fields = ['name', 'type', 'filter', 'value'];

/** Makes or changes a goal. What the server refuses is said at its field. */
export default function GoalForm({ goal, onClose }: { goal?: Goal; onClose: () => void }) {
  const save = useSaveGoal();
  const [name, setName] = useState(goal?.name ?? '');
  const [type, setType] = useState(goal?.type ?? '');
  const [filters, setFilters] = useState<Filter[]>(() => (goal?.filter ?? []).flatMap((t) => parseFilter(t) ?? []));
  const [value, setValue] = useState<number | string>(goal?.value || '');
  const [tried, setTried] = useState(false);
  const { of } = refusalOf(save);
  const submit = () => {
    setTried(true);
    if (name.trim() === '' || type === '') return;
    save.mutate({ id: goal?.id, name: name.trim(), type, filter: filters.map(writeFilter), value: Number(value) || 0 }, { onSuccess: onClose });
  };
  const page = type === 'pageview' && filters.length > 0 && filters[0]!.dim === 'path' && !filters[0]!.not && !filters[0]!.contains ? filters[0] : undefined;
  return (
    <SavedForm title={goal ? `Change ${goal.name}` : 'New goal'} action={goal ? 'Save' : 'Make the goal'} save={save} fields={fields} onSubmit={submit} onClose={onClose}>
      <NameField placeholder="Sign-up" value={name} onChange={setName} save={save} wrong={tried && name.trim() === '' && 'A goal needs a name.'} />
      <Field label="Event" says="What a person does who reaches it: an event that the site sends, or a page." error={of('type') ?? (tried && type === '' ? 'Choose the event that counts.' : undefined)}>
        <EventPicker
          label="Event"
          shown={page ? page.values.join(' or ') : type && names.event(type)}
          goals={false}
          onPick={(p) => {
            setType(p.type);
            if (p.filter || page) setFilters([...(p.filter ?? []).flatMap((t) => parseFilter(t) ?? []), ...(page ? filters.slice(1) : filters)]);
            if (name.trim() === '') setName(p.filter ? (parseFilter(p.filter[0] ?? '')?.values.join(' or ') ?? '') : names.event(p.type));
          }}
        />
        <UnheardEvent type={type} onMend={setType} />
      </Field>
      <FiltersField label="Only when" value={filters} onChange={setFilters} save={save} wrong={undefined} />
      <NumberInput label="Value of one conversion" description="In a unit of your own; leave it empty if the events carry their revenue." value={value} onChange={setValue} hideControls error={of('value')} w={220} />
    </SavedForm>
  );
}

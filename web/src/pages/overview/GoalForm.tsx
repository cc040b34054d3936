import { Button, Group, NumberInput, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { asProblem } from '../../api/problem';
import { useSaveGoal, type Goal } from '../../api/saved';
import * as names from '../../format/names';
import { ProblemNotice } from '../../parts/Answer';
import { Dialog } from '../../parts/Dialog';
import { EventPicker } from '../../parts/EventPicker';
import { Field, FieldChips } from '../../parts/Field';
import { FilterChips } from '../../parts/FilterChips';
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
  const problem = save.error ? asProblem(save.error) : undefined;
  const at = problem?.field?.split(/[.[]/)[0] ?? '';
  const wrong = (field: string): string | undefined => (problem && at === field ? problem.detail : undefined);
  const submit = () => {
    setTried(true);
    if (name.trim() === '' || type === '' || save.isPending) return;
    save.mutate({ id: goal?.id, name: name.trim(), type, filter: filters.map(writeFilter), value: Number(value) || 0 }, { onSuccess: onClose });
  };
  const page = type === 'pageview' && filters.length > 0 && filters[0]!.dim === 'path' && !filters[0]!.not && !filters[0]!.contains ? filters[0] : undefined;
  return (
    <Dialog onClose={onClose} title={goal ? `Change ${goal.name}` : 'New goal'} size="md">
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          if (e.target === e.currentTarget) submit(); // React hands on submits of forms in popovers, too
        }}
      >
        <Stack gap="sm">
          <TextInput
            label="Name"
            placeholder="Sign-up"
            value={name}
            maxLength={200}
            autoComplete="off"
            onChange={(e) => {
              setName(e.currentTarget.value);
              if (at === 'name') save.reset();
            }}
            error={wrong('name') ?? (tried && name.trim() === '' ? 'A goal needs a name.' : undefined)}
            data-autofocus
          />
          <Field label="Event" says="What a person does who reaches it: an event that the site sends, or a page." error={wrong('type') ?? (tried && type === '' ? 'Choose the event that counts.' : undefined)}>
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
          </Field>
          <Field label="Only when" error={wrong('filter')}>
            <FieldChips>
              <FilterChips
                small
                filters={filters}
                onChange={(f) => {
                  setFilters(f);
                  if (at === 'filter') save.reset();
                }}
              />
            </FieldChips>
          </Field>
          <NumberInput label="Value of one conversion" description="In a unit of your own; leave it empty if the events carry their revenue." value={value} onChange={setValue} hideControls error={wrong('value')} w={220} />
          {problem && !fields.includes(at) && <ProblemNotice error={problem} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={save.isPending}>
              {goal ? 'Save' : 'Make the goal'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

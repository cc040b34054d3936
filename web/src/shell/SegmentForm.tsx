import { Button, Group, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { asProblem } from '../api/problem';
import { useSaveSegment, type Segment } from '../api/saved';
import { ProblemNotice } from '../parts/Answer';
import { Dialog } from '../parts/Dialog';
import { Field, FieldChips } from '../parts/Field';
import { FilterChips } from '../parts/FilterChips';
import { parseFilter, writeFilter } from '../state/filters';

/** Saves filters under a name, or changes name and filters of a segment. What the server refuses is said at its field. */
export default function SegmentForm({ segment, filters: first, onSaved, onClose }: { segment?: Segment; filters: string[]; onSaved: (s: Segment) => void; onClose: () => void }) {
  const save = useSaveSegment();
  const [name, setName] = useState(segment?.name ?? '');
  const [filters, setFilters] = useState(() => first.flatMap((t) => parseFilter(t) ?? []));
  const [tried, setTried] = useState(false);
  const problem = save.error ? asProblem(save.error) : undefined;
  const wrong = (field: string) => (problem?.field === field ? problem.detail : undefined);
  const submit = () => {
    setTried(true);
    if (name.trim() === '' || filters.length === 0 || save.isPending) return;
    save.mutate({ id: segment?.id, name: name.trim(), filter: filters.map(writeFilter) }, { onSuccess: (s) => { onSaved(s); onClose(); } });
  };
  return (
    <Dialog onClose={onClose} title={segment ? `Change ${segment.name}` : 'New segment'} size="md">
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
            description="Everybody who sees this site can choose it."
            value={name}
            maxLength={200}
            autoComplete="off"
            onChange={(e) => {
              setName(e.currentTarget.value);
              save.reset();
            }}
            error={wrong('name') ?? (tried && name.trim() === '' ? 'A segment needs a name.' : undefined)}
            data-autofocus
          />
          <Field label="Filters" says="All of them must hold." error={wrong('filter') ?? (tried && filters.length === 0 ? 'A segment has one filter at least.' : undefined)}>
            <FieldChips>
              <FilterChips
                small
                filters={filters}
                onChange={(f) => {
                  setFilters(f);
                  save.reset();
                }}
              />
            </FieldChips>
          </Field>
          {problem && !['name', 'filter'].includes(problem.field ?? '') && <ProblemNotice error={problem} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={save.isPending}>
              {segment ? 'Save' : 'Save the segment'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

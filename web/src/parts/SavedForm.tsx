import { Button, Group, Stack, TextInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { asProblem, type Problem } from '../api/problem';
import type { Filter } from '../state/filters';
import { ProblemNotice } from './Answer';
import { Dialog } from './Dialog';
import { Field, FieldChips } from './Field';
import { FilterChips } from './FilterChips';
import { UnheardProperties } from './Unheard';

/** What a form needs of the mutation that saves: what was refused, whether it runs, and a way to forget the refusal. */
export type Saving = { error: unknown; isPending: boolean; reset: () => void };

/** What was refused, and of which field: `filter[0]` is of filter. */
export function refusalOf({ error }: Saving): { problem: Problem | undefined; of: (field: string) => string | undefined; at: string } {
  const problem = error ? asProblem(error) : undefined;
  const at = problem?.field?.split(/[.[]/)[0] ?? '';
  return { problem, at, of: (field) => (problem && at === field ? (problem.of(problem.field!) ?? problem.said) : undefined) };
}

/** A dialog with the form of something that is saved under a name. `fields` are those that say themselves what was refused of them; anything else is said above the buttons. */
export function SavedForm({ title, action, save, fields, onSubmit, onClose, children }: { title: string; action: string; save: Saving; fields: string[]; onSubmit: () => void; onClose: () => void; children: ReactNode }) {
  const { problem, at } = refusalOf(save);
  return (
    <Dialog onClose={onClose} title={title} size="md">
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          if (e.target === e.currentTarget && !save.isPending) onSubmit(); // React hands on submits of forms in popovers, too
        }}
      >
        <Stack gap="sm">
          {children}
          {problem && !fields.includes(at) && <ProblemNotice error={problem} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={save.isPending}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

type Part = { save: Saving; wrong: string | false | undefined };

/** The name under which it is saved. `wrong` is what the form finds itself; what was refused goes before, until the name is changed. */
export function NameField({ value, onChange, save, wrong, ...more }: Part & { value: string; onChange: (name: string) => void; description?: string; placeholder?: string }) {
  const { of, at } = refusalOf(save);
  return (
    <TextInput
      label="Name"
      {...more}
      value={value}
      maxLength={200}
      autoComplete="off"
      onChange={(e) => {
        onChange(e.currentTarget.value);
        if (at === 'name') save.reset();
      }}
      error={of('name') ?? (wrong || undefined)}
      data-autofocus
    />
  );
}

/** The filters that are saved. */
export function FiltersField({ label, says, value, onChange, save, wrong }: Part & { label: string; says?: string; value: Filter[]; onChange: (f: Filter[]) => void }) {
  const { of, at } = refusalOf(save);
  return (
    <Field label={label} says={says} error={of('filter') ?? (wrong || undefined)}>
      <FieldChips>
        <FilterChips
          small
          filters={value}
          onChange={(f) => {
            onChange(f);
            if (at === 'filter') save.reset();
          }}
        />
      </FieldChips>
      <UnheardProperties dims={value.map((f) => f.dim)} onMend={(from, to) => onChange(value.map((f) => (f.dim === from ? { ...f, dim: to } : f)))} />
    </Field>
  );
}

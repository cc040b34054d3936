import { Button, Group, MultiSelect, Select, Stack, TagsInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import { text, useReport, useScope } from '../api/report';
import { useCohorts } from '../api/saved';
import { useSchemaNames } from '../api/settings';
import * as names from '../format/names';
import type { Filter } from '../state/filters';
import { columnOptions, findsColumn, findsValue } from './columns';
import { searched } from './searched';
import { UnheardProperties } from './Unheard';
import { unheard } from './unheard';

const dims = ['path', 'host', 'entry_path', 'exit_path', 'referrer_host', 'channel', 'utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'country', 'region', 'city', 'device', 'os', 'browser', 'type', 'user_id', 'cohort'];
const ways = [
  { value: 'is', label: 'is' },
  { value: 'not', label: 'is not' },
  { value: 'has', label: 'contains' },
  { value: 'lacks', label: 'does not contain' },
];

/** Makes or changes a filter. Values of the range are suggested; others can be typed. */
export default function FilterForm({ filter, onDone }: { filter?: Filter; onDone: (f: Filter) => void }) {
  const [dim, setDim] = useState(filter?.dim ?? 'path');
  const [way, setWay] = useState(filter ? (filter.contains ? (filter.not ? 'lacks' : 'has') : filter.not ? 'not' : 'is') : 'is');
  const [values, setValues] = useState<string[]>(filter?.values ?? []);
  const [typed, setTyped] = useState('');
  const [listed, { open, close }] = useDisclosure(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus({ preventScroll: true }), []); // the popover looked for it before this script was there
  const { from, to } = useScope();
  const ofCohorts = dim === 'cohort';
  const [sought, seek] = useState('');
  const schema = useSchemaNames();
  const asks = !ofCohorts && !(dim.startsWith('props.') && schema.isPending) && unheard([dim], schema.data).length === 0; // of what was never there no values are to be had
  const known = useReport({ metric: ['events'], group_by: [dim], from, ...(to && { to }), limit: 200, totals: false }, asks);
  const cohorts = useCohorts(ofCohorts);
  const contains = !ofCohorts && (way === 'has' || way === 'lacks');
  const suggestions = contains || !asks ? [] : [...new Set((known.data?.data ?? []).map((r) => text(r, dim)).filter((v) => v !== ''))];
  const all = typed.trim() && !values.includes(typed.trim()) ? [...values, typed.trim()] : values;
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        e.stopPropagation(); // through a portal, to the form that this one is shown in
        if (all.length > 0) onDone({ dim, not: way === 'not' || way === 'lacks', contains, values: all });
      }}
    >
      <Stack gap="xs">
        <Group gap="xs" grow>
          <Select
            aria-label="Column"
            data={columnOptions([...dims, dim], sought, schema.data?.properties)}
            onSearchChange={seek}
            filter={findsColumn}
            limit={60}
            nothingFoundMessage="For a property write props.name"
            value={dim}
            onChange={(v) => {
              if (!v) return;
              setDim(v);
              setValues([]);
              if (v === 'cohort' && way !== 'not') setWay('is');
            }}
            allowDeselect={false}
            {...searched}
            comboboxProps={{ withinPortal: false }}
          />
          <Select aria-label="Comparison" data={ofCohorts ? ways.slice(0, 2) : ways} value={way} onChange={(v) => v && setWay(v)} comboboxProps={{ withinPortal: false }} />
        </Group>
        <UnheardProperties dims={[dim]} onMend={(_, to) => setDim(to)} />
        {ofCohorts ? (
          <MultiSelect
            ref={field}
            aria-label="Values"
            placeholder={values.length > 0 ? '' : cohorts.data?.length === 0 ? 'No cohort is saved yet' : 'Cohorts'}
            data={(cohorts.data ?? []).map((c) => ({ value: c.id, label: c.name }))}
            value={values}
            onChange={setValues}
            dropdownOpened={listed}
            onDropdownOpen={open}
            onDropdownClose={close}
            onOptionSubmit={close}
            comboboxProps={{ withinPortal: false }}
            data-autofocus
          />
        ) : (
        <TagsInput
          ref={field}
          aria-label="Values"
          placeholder={values.length === 0 ? 'Values' : ''}
          size="sm"
          data={suggestions}
          filter={findsValue(dim)}
          value={values}
          onChange={(v) => {
            setValues(v);
            close(); // the list lies over the button
          }}
          searchValue={typed}
          onSearchChange={setTyped}
          dropdownOpened={listed}
          onDropdownOpen={open}
          onDropdownClose={close}
          onOptionSubmit={close}
          limit={30}
          acceptValueOnBlur={false}
          comboboxProps={{ withinPortal: false }}
          renderOption={({ option }) => names.value(dim, option.value)}
          data-autofocus
        />
        )}
        <Button type="submit" disabled={all.length === 0}>
          {filter ? 'Change the filter' : 'Add the filter'}
        </Button>
      </Stack>
    </form>
  );
}

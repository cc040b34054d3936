import { Select } from '@mantine/core';
import { useState } from 'react';
import { useSchemaNames } from '../api/settings';
import { columnOptions, findsColumn } from './columns';
import { searched } from './searched';
import { UnheardProperties } from './Unheard';

/** The columns by which people choose to look at events. */
export const dims = ['channel', 'referrer_host', 'utm_source', 'utm_medium', 'utm_campaign', 'country', 'region', 'city', 'device', 'os', 'browser', 'path', 'entry_path', 'exit_path', 'host', 'type'];

/** A column of events, or a property; empty for none. */
export function DimSelect({ label, value, onChange }: { label: string; value: string; onChange: (dim: string) => void }) {
  const [sought, seek] = useState('');
  const schema = useSchemaNames();
  return (
    <>
      <Select
        aria-label={label}
        placeholder="Nothing"
        clearable
        allowDeselect={false}
        {...searched}
        data={columnOptions([...dims, ...(value ? [value] : [])], sought, schema.data?.properties)}
        onSearchChange={seek}
        filter={findsColumn}
        limit={60}
        nothingFoundMessage="For a property write props.name"
        value={value || null}
        onChange={(v) => onChange(v ?? '')}
      />
      <UnheardProperties dims={value ? [value] : []} onMend={(_, to) => onChange(to)} />
    </>
  );
}

import { Select } from '@mantine/core';
import { useState } from 'react';
import * as names from '../format/names';

/** The columns by which people choose to look at events. */
export const dims = ['channel', 'referrer_host', 'utm_source', 'utm_medium', 'utm_campaign', 'country', 'region', 'city', 'device', 'os', 'browser', 'path', 'entry_path', 'exit_path', 'host', 'type'];

/** A column of events or, when props.name is typed, a property; empty for none. */
export function DimSelect({ label, value, onChange }: { label: string; value: string; onChange: (dim: string) => void }) {
  const [sought, seek] = useState('');
  const known = [...new Set([...dims, ...(value ? [value] : []), ...(/^props\.\S+$/.test(sought) ? [sought] : [])])];
  return (
    <Select
      aria-label={label}
      placeholder="Nothing"
      clearable
      searchable
      data={known.map((d) => ({ value: d, label: d.startsWith('props.') ? `Property ${d.slice(6)}` : names.dim(d) }))}
      onSearchChange={seek}
      filter={({ options, search }) => options.filter((o) => 'label' in o && (o.label.toLowerCase().includes(search.trim().toLowerCase()) || o.value === search.trim()))}
      nothingFoundMessage="For a property write props.name"
      value={value || null}
      onChange={(v) => onChange(v ?? '')}
    />
  );
}

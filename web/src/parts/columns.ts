import type { ComboboxItem, OptionsFilter } from '@mantine/core';
import * as names from '../format/names';

/** The columns and properties that can be picked: those that are usual, those that events have, and what is typed as props.name. */
export const columnOptions = (usual: string[], sought: string, properties: string[] = []): ComboboxItem[] =>
  [...new Set([...usual, ...properties.map((p) => `props.${p}`), ...(/^props\.\S+$/.test(sought.trim()) ? [sought.trim()] : [])])].map((d) => ({ value: d, label: d.startsWith('props.') ? `Property ${names.dim(d)}` : names.dim(d) }));

/** Finds columns by their name, and properties also as props.name; what is typed whole comes first. */
export const findsColumn: OptionsFilter = ({ options, search }) => {
  const text = search.trim();
  const found = options.filter((o): o is ComboboxItem => 'label' in o && (o.label.toLowerCase().includes(text.toLowerCase()) || o.value.startsWith(text)));
  return found.toSorted((a, b) => Number(b.value === text) - Number(a.value === text));
};

/** Finds values of a column by what they are, and by what they are called; what is typed whole comes first. */
export const findsValue =
  (dim: string): OptionsFilter =>
  ({ options, search, limit }) => {
    const found = options.filter((o): o is ComboboxItem => 'value' in o && names.found(dim, o.value, search));
    const whole = (o: ComboboxItem) => Number(o.value.toLowerCase() === search.trim().toLowerCase());
    return found.toSorted((a, b) => whole(b) - whole(a)).slice(0, limit);
  };

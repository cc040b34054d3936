import { Combobox, useCombobox } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconSelector } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useGoals } from '../api/saved';
import { useValues } from '../api/values';
import { compact } from '../format/numbers';
import * as names from '../format/names';
import { writeFilter } from '../state/filters';
import css from './EventPicker.module.css';

/** What was picked: a type of event, a page view of a path, or a goal. */
export type Picked = { type: string; filter?: string[]; goal?: string };

/**
 * A button that opens a list of what can be picked: goals, types of events and pages of the range, with how often they were, and what is typed. `shown` is
 * what is picked now. `any` offers every event.
 */
export function EventPicker({ label, shown, placeholder = 'Choose an event or page', goals = true, pages = true, any, onPick }: {
  label: string;
  shown: string;
  placeholder?: string;
  goals?: boolean;
  pages?: boolean;
  any?: string;
  onPick: (p: Picked) => void;
}) {
  const [sought, seek] = useState('');
  const box = useCombobox({
    onDropdownClose: () => {
      box.resetSelectedOption();
      seek('');
    },
    onDropdownOpen: () => box.focusSearchInput(),
  });
  const text = sought.trim();
  const [prefix] = useDebouncedValue(text, 200);
  const known = useGoals(goals && box.dropdownOpened);
  const types = useValues('type', '', box.dropdownOpened);
  const paths = useValues('path', prefix.startsWith('/') ? prefix : '', pages && box.dropdownOpened);
  const has = (s: string) => s.toLowerCase().includes(text.toLowerCase());
  const goalOptions = goals ? (known.data ?? []).filter((g) => has(g.name)) : [];
  const typeOptions = (types.data ?? []).filter((t) => t.value !== '' && names.found('type', t.value, text));
  const pathOptions = pages ? (paths.data ?? []).filter((p) => p.value !== '' && names.found('path', p.value, text)).slice(0, 30) : [];
  const type = typeOptions.some((t) => t.value === text) ? text : names.typeOf(text); // a type may be called as another one is named
  const exact = pathOptions.findIndex((p) => p.value === text);
  if (exact > 0) pathOptions.unshift(...pathOptions.splice(exact, 1)); // what is typed comes first
  const options: Record<string, Picked> = { any: { type: '' } };
  const option = (id: string, name: string, count: number | undefined, pick: Picked, title?: string) => {
    options[id] = pick;
    return (
      <Combobox.Option key={id} value={id} title={title}>
        <span className={css.option}>
          <span className="cut">{name}</span>
          {count !== undefined && <span className="num">{compact(count)}</span>}
        </span>
      </Combobox.Option>
    );
  };
  const groups = [
    any !== undefined && has(any) && <Combobox.Option key="any" value="any">{any}</Combobox.Option>,
    goalOptions.length > 0 && <Combobox.Group key="goals" label="Goals">{goalOptions.map((g) => option(`goal ${g.id}`, g.name, undefined, { type: '', goal: g.id }))}</Combobox.Group>,
    typeOptions.length > 0 && <Combobox.Group key="types" label="Events">{typeOptions.map((t) => option(`type ${t.value}`, names.event(t.value), t.events, { type: t.value }))}</Combobox.Group>,
    pathOptions.length > 0 && (
      <Combobox.Group key="paths" label={`${names.event('pageview')} of`}>{pathOptions.map((p) => option(`path ${p.value}`, names.value('path', p.value), p.events, pageOf(p.value), p.value))}</Combobox.Group>
    ),
    text !== '' && (pages || !text.startsWith('/')) && !options[`path ${text}`] && !options[`type ${type}`] && (
      <Combobox.Group key="typed" label="As typed">
        {text.startsWith('/') ? option(`path ${text}`, `${names.event('pageview')} of ${text}`, undefined, pageOf(text)) : option(`type ${type}`, `Event ${names.event(type)}`, undefined, { type })}
      </Combobox.Group>
    ),
  ].filter(Boolean);
  const listed = Object.keys(options).join(' ');
  const { selectFirstOption, resetSelectedOption } = box;
  useEffect(() => {
    if (text === '') resetSelectedOption();
    else selectFirstOption(); // Enter takes what was sought
  }, [text, listed, selectFirstOption, resetSelectedOption]);
  return (
    <Combobox
      store={box}
      position="bottom-start"
      width={320}
      shadow="md"
      onOptionSubmit={(id) => {
        const p = options[id];
        if (p) onPick(p);
        box.closeDropdown();
        box.focusTarget();
      }}
    >
      <Combobox.Target targetType="button" withAriaAttributes={false}>
        <button type="button" data-pick className={css.button} aria-label={`${label}: ${shown || placeholder}`} aria-haspopup="listbox" aria-expanded={box.dropdownOpened} data-empty={!shown || undefined} onClick={() => box.toggleDropdown()}>
          <span className="cut">{shown || placeholder}</span>
          <IconSelector size={15} stroke={1.6} aria-hidden />
        </button>
      </Combobox.Target>
      <Combobox.Dropdown>
        <Combobox.Search role="combobox" aria-expanded aria-controls={box.listId ?? undefined} value={sought} onChange={(e) => seek(e.currentTarget.value)} placeholder={`Search ${goals ? 'goals, ' : ''}events${pages ? ' and pages' : ''}`} aria-label={`${label}: search`} />
        <Combobox.Options className={css.options} aria-label={label}>
          {groups.length > 0 ? groups : <Combobox.Empty>{types.isFetching || paths.isFetching ? 'Looking…' : 'Nothing in this time. Type the name of an event.'}</Combobox.Empty>}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}

const pageOf = (path: string): Picked => ({ type: 'pageview', filter: [writeFilter({ dim: 'path', not: false, contains: false, values: [path] })] });

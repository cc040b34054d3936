import { Button, Popover } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconFilter, IconX } from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import * as names from '../format/names';
import type { Filter } from '../state/filters';
import { useView } from '../state/url';
import css from './Filters.module.css';

const FilterForm = lazy(() => import('./FilterForm'));

/** The filters of the view as chips, each to be changed or taken away, and a button for one more. */
export function Filters() {
  const [view, change] = useView();
  const set = (filters: Filter[]) => change({ filters });
  return (
    <>
      {view.filters.map((f, i) => (
        <Chip
          // a filter has no id of its own: its place is what it is
          // oxlint-disable-next-line react/no-array-index-key
          key={i}
          filter={f}
          onChange={(g) => set(view.filters.map((old, j) => (j === i ? g : old)))}
          onRemove={() => set(view.filters.filter((_, j) => j !== i))}
        />
      ))}
      {view.filters.length > 1 && (
        <Button variant="subtle" onClick={() => set([])}>
          Clear
        </Button>
      )}
      <Add onAdd={(f) => set([...view.filters, f])} />
    </>
  );
}

const sentence = (f: Filter): string => {
  const values = f.values.map((v) => (f.contains ? `“${v}”` : names.value(f.dim, v)));
  const list = values.length > 3 ? `${values.slice(0, 2).join(', ')} and ${values.length - 2} more` : values.join(' or ');
  return `${f.contains ? (f.not ? 'lacks' : 'contains') : f.not ? 'is not' : 'is'} ${list}`;
};

function Chip({ filter, onChange, onRemove }: { filter: Filter; onChange: (f: Filter) => void; onRemove: () => void }) {
  const [opened, { close, open, toggle }] = useDisclosure(false);
  return (
    <span className={css.chip}>
      <Popover opened={opened} onChange={(o) => (o ? open() : close())} position="bottom-end" trapFocus returnFocus width={300}>
        <Popover.Target>
          <button type="button" className={css.what} onClick={toggle} title="Change this filter">
            <span>{names.dim(filter.dim)}</span> <b className="cut">{sentence(filter)}</b>
          </button>
        </Popover.Target>
        <Popover.Dropdown>
          <Suspense fallback={null}>
            <FilterForm filter={filter} onDone={(f) => { onChange(f); close(); }} />
          </Suspense>
        </Popover.Dropdown>
      </Popover>
      <button type="button" className={css.remove} onClick={onRemove} aria-label={`Remove the filter ${names.dim(filter.dim)} ${sentence(filter)}`}>
        <IconX size={13} aria-hidden />
      </button>
    </span>
  );
}

function Add({ onAdd }: { onAdd: (f: Filter) => void }) {
  const [opened, { close, open, toggle }] = useDisclosure(false);
  const [round, next] = useState(0);
  return (
    <Popover opened={opened} onChange={(o) => (o ? open() : close())} position="bottom-end" trapFocus returnFocus width={300}>
      <Popover.Target>
        <Button variant="default" leftSection={<IconFilter size={15} stroke={1.6} aria-hidden />} onClick={toggle}>
          Filter
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Suspense fallback={null}>
          <FilterForm
            key={round}
            onDone={(f) => {
              onAdd(f);
              close();
              next(round + 1);
            }}
          />
        </Suspense>
      </Popover.Dropdown>
    </Popover>
  );
}

import { Button, Popover } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconFilter, IconX } from '@tabler/icons-react';
import { lazy, Suspense, useRef, useState } from 'react';
import { useCohorts } from '../api/saved';
import * as names from '../format/names';
import type { Filter } from '../state/filters';
import css from './FilterChips.module.css';
import { useFollow } from './focus';
import { sentence } from './filters';

const FilterForm = lazy(() => import('./FilterForm'));

/** Filters as chips, each to be changed or taken away, and a button for one more. `label` is the button's text; `small` is for lists within cards. */
export function FilterChips({ filters, onChange, label = 'Filter', small = false }: { filters: Filter[]; onChange: (f: Filter[]) => void; label?: string; small?: boolean }) {
  const box = useRef<HTMLSpanElement>(null);
  const follow = useFollow(box, filters);
  const remove = (i: number) => {
    follow(filters.length > 1 ? '[data-filter]' : '[data-add]', Math.max(0, Math.min(i, filters.length - 2)));
    onChange(filters.filter((_, j) => j !== i));
  };
  return (
    <span className={css.list} ref={box}>
      {filters.map((f, i) => (
        <Chip
          // a filter has no id of its own: its place is what it is
          // oxlint-disable-next-line react/no-array-index-key
          key={i}
          filter={f}
          small={small}
          onChange={(g) => onChange(filters.map((old, j) => (j === i ? g : old)))}
          onRemove={() => remove(i)}
        />
      ))}
      {!small && filters.length > 1 && (
        <Button
          variant="subtle"
          onClick={() => {
            follow('[data-add]', 0);
            onChange([]);
          }}
        >
          Clear
        </Button>
      )}
      <Add label={label} small={small} onAdd={(f) => onChange([...filters, f])} />
    </span>
  );
}

function Chip({ filter, small, onChange, onRemove }: { filter: Filter; small: boolean; onChange: (f: Filter) => void; onRemove: () => void }) {
  const [opened, { close, open, toggle }] = useDisclosure(false);
  const cohorts = useCohorts(filter.dim === 'cohort');
  const named = filter.dim === 'cohort' ? (id: string) => cohorts.data?.find((c) => c.id === id)?.name ?? id : undefined;
  const says = sentence(filter, named);
  return (
    <span className={css.chip} data-small={small || undefined}>
      <Popover opened={opened} onChange={(o) => (o ? open() : close())} position="bottom-end" trapFocus returnFocus width={300}>
        <Popover.Target>
          <button type="button" data-filter className={css.what} onClick={toggle} title={`Change this filter: ${names.dim(filter.dim)} ${named ? says : sentence(filter, (v) => names.raw(filter.dim, v))}`}>
            <span>{names.dim(filter.dim)}</span> <b className="cut">{says}</b>
          </button>
        </Popover.Target>
        <Popover.Dropdown>
          <Suspense fallback={null}>
            <FilterForm filter={filter} onDone={(f) => { onChange(f); close(); }} />
          </Suspense>
        </Popover.Dropdown>
      </Popover>
      <button type="button" className={css.remove} onClick={onRemove} aria-label={`Remove the filter ${names.dim(filter.dim)} ${says}`}>
        <IconX size={13} aria-hidden />
      </button>
    </span>
  );
}

function Add({ label, small, onAdd }: { label: string; small: boolean; onAdd: (f: Filter) => void }) {
  const [opened, { close, open, toggle }] = useDisclosure(false);
  const [round, next] = useState(0);
  return (
    <Popover opened={opened} onChange={(o) => (o ? open() : close())} position={small ? 'bottom-start' : 'bottom-end'} trapFocus returnFocus width={300}>
      <Popover.Target>
        <Button data-add variant={small ? 'subtle' : 'default'} size={small ? 'compact-xs' : 'xs'} leftSection={<IconFilter size={small ? 13 : 15} stroke={1.6} aria-hidden />} onClick={toggle}>
          {label}
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

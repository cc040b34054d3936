import { ActionIcon, TextInput } from '@mantine/core';
import { IconChevronDown, IconChevronUp, IconPencil, IconTrash } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import type { Goal } from '../../api/saved';
import { EventPicker } from '../../parts/EventPicker';
import { FilterChips } from '../../parts/FilterChips';
import { UnheardEvent } from '../../parts/Unheard';
import { parseFilter, writeFilter } from '../../state/filters';
import { minSteps, type Step } from '../../state/funnel';
import css from './Builder.module.css';
import { eventOfStep, nameOfStep } from './names';

/** A step: its event, what it must match, its name. On its number, the arrow keys move it. */
export function StepRow({ step, at, of, goals, onChange, onMove, onRemove }: { step: Step; at: number; of: number; goals: Goal[]; onChange: (s: Step) => void; onMove: (by: number) => void; onRemove: () => void }) {
  const [naming, setNaming] = useState(false);
  const n = at + 1;
  const icon = { variant: 'subtle', color: 'gray', size: 26 } as const;
  return (
    <li className={css.step}>
      <button
        type="button"
        className={css.number}
        data-handle
        aria-label={`Step ${n} of ${of}: the arrow keys move it`}
        title="Move with the arrow keys"
        onKeyDown={(e) => {
          if (e.key !== 'ArrowUp' && e.key !== 'ArrowDown') return;
          e.preventDefault();
          onMove(e.key === 'ArrowUp' ? -1 : 1);
        }}
      >
        {n}
      </button>
      <div className={css.what}>
        {naming ? (
          <Naming step={step} n={n} fallback={nameOfStep({ ...step, name: '' }, goals)} onDone={(name) => { setNaming(false); if (name !== step.name) onChange({ ...step, name }); }} />
        ) : (
          step.name && <span className={css.name}>{step.name}</span>
        )}
        <EventPicker label={`Step ${n}`} shown={eventOfStep(step, goals)} onPick={(p) => onChange({ ...step, type: p.type, goal: p.goal ?? '', filter: p.filter ?? (p.goal ? [] : keep(step)) })} />
        <UnheardEvent type={step.goal ? '' : step.type} onMend={(type) => onChange({ ...step, type })} />
        <div className={css.foot}>
          <div className={css.chips}>
            <FilterChips small label="Filter" filters={step.filter.flatMap((t) => parseFilter(t) ?? [])} onChange={(f) => onChange({ ...step, filter: f.map(writeFilter) })} />
          </div>
          <div className={css.actions} role="group" aria-label={`Step ${n}`}>
            <ActionIcon {...icon} aria-label={`Name step ${n}`} title="Name" onClick={() => setNaming(true)}>
              <IconPencil size={15} stroke={1.6} aria-hidden />
            </ActionIcon>
            <ActionIcon {...icon} aria-label={`Move step ${n} up`} title="Up" disabled={at === 0} onClick={() => onMove(-1)}>
              <IconChevronUp size={16} stroke={1.6} aria-hidden />
            </ActionIcon>
            <ActionIcon {...icon} aria-label={`Move step ${n} down`} title="Down" disabled={n === of} onClick={() => onMove(1)}>
              <IconChevronDown size={16} stroke={1.6} aria-hidden />
            </ActionIcon>
            <ActionIcon {...icon} aria-label={`Remove step ${n}`} title={of <= minSteps ? 'A funnel has at least two steps' : 'Remove'} disabled={of <= minSteps} onClick={onRemove}>
              <IconTrash size={15} stroke={1.6} aria-hidden />
            </ActionIcon>
          </div>
        </div>
      </div>
    </li>
  );
}

/** Filters on what only page views of one page have go when another event is picked; the others stay. */
const keep = (s: Step): string[] => s.filter.filter((t) => !/^!?(path|url):/.test(t));

function Naming({ step, n, fallback, onDone }: { step: Step; n: number; fallback: string; onDone: (name: string) => void }) {
  const [name, setName] = useState(step.name);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <TextInput
      aria-label={`Name of step ${n}`}
      placeholder={fallback || 'Name'}
      size="xs"
      maxLength={80}
      ref={field}
      value={name}
      onChange={(e) => setName(e.currentTarget.value)}
      onBlur={() => onDone(name.trim())}
      onKeyDown={(e) => {
        if (e.key === 'Enter') {
          e.preventDefault(); // the form around it is not done
          onDone(name.trim());
        }
        if (e.key === 'Escape') onDone(step.name);
      }}
    />
  );
}

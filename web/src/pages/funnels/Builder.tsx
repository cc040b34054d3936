import { ActionIcon, Button, NumberInput, SegmentedControl, Select } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useId, useRef, useState } from 'react';
import type { Goal } from '../../api/saved';
import { exact } from '../../format/numbers';
import { Card } from '../../parts/Card';
import { DimSelect } from '../../parts/DimSelect';
import { EventPicker } from '../../parts/EventPicker';
import { FilterChips } from '../../parts/FilterChips';
import { useFollow } from '../../parts/focus';
import { parseFilter, writeFilter } from '../../state/filters';
import { maxExclusions, maxSteps, mostOf, moved, noStep, withSteps, type Exclusion, type FunnelState, type Order, type Step } from '../../state/funnel';
import css from './Builder.module.css';
import { eventOfStep } from './names';
import { StepRow } from './StepRow';

const orderNames: { value: Order; label: string; says: string }[] = [
  { value: 'ordered', label: 'In order', says: 'Each step comes after the one before; anything may lie between.' },
  { value: 'strict', label: 'Strict', says: 'Each step is the very next thing that a person does.' },
  { value: 'any', label: 'Any order', says: 'The steps come in any order; step 2 counts those who did any two of them.' },
];

/** Steps and rules of a funnel. Each change stands in the address at once. */
export function Builder({ state, goals, onChange }: { state: FunnelState; goals: Goal[]; onChange: (f: FunnelState) => void }) {
  const list = useRef<HTMLOListElement>(null);
  const follow = useFollow(list, state.steps); // the step that was moved keeps the focus, a new one gets it
  const setSteps = (steps: Step[]) => onChange(withSteps(state, steps));
  const move = (from: number, to: number) => {
    if (to < 0 || to >= state.steps.length) return;
    follow('[data-handle]', to);
    setSteps(moved(state.steps, from, to));
  };
  const add = () => {
    follow('[data-pick]', state.steps.length);
    setSteps([...state.steps, noStep]);
  };
  const remove = (at: number) => {
    follow('[data-handle]', Math.min(at, state.steps.length - 2));
    setSteps(state.steps.filter((_, j) => j !== at));
  };
  return (
    <div className={css.builder}>
      <Card title="Steps" aside={<span className={css.count}>{state.steps.length} of {maxSteps} at most</span>}>
        <ol className={css.steps} ref={list}>
          {state.steps.map((s, i) => (
            <StepRow
              // steps have no id of their own: their place is what they are
              // oxlint-disable-next-line react/no-array-index-key
              key={i}
              step={s}
              at={i}
              of={state.steps.length}
              goals={goals}
              onChange={(n) => setSteps(state.steps.map((old, j) => (j === i ? n : old)))}
              onMove={(by) => move(i, i + by)}
              onRemove={() => remove(i)}
            />
          ))}
        </ol>
        <Button variant="subtle" leftSection={<IconPlus size={15} aria-hidden />} disabled={state.steps.length >= maxSteps} onClick={add}>
          Add a step
        </Button>
      </Card>
      <Card title="Rules">
        <div className={css.rules}>
          <Rule label="Order" says={orderNames.find((o) => o.value === state.order)?.says}>
            <SegmentedControl fullWidth aria-label="Order" value={state.order} onChange={(order) => onChange({ ...state, order: order as Order })} data={orderNames.map(({ value, label }) => ({ value, label }))} />
          </Rule>
          <Rule label="Time to finish" says={`From the first step to the last one, at most ${saysMost(state.window)}.`}>
            <Window value={state.window} onChange={(window) => onChange({ ...state, window })} />
          </Rule>
          <Rule label="Break down by">
            <DimSelect label="Break down by" value={state.breakdown} onChange={(breakdown) => onChange({ ...state, breakdown })} />
          </Rule>
          {state.order !== 'any' && <Exclusions state={state} onChange={(exclude) => onChange({ ...state, exclude })} />}
        </div>
      </Card>
    </div>
  );
}

const Rule = ({ label, says, children }: { label: string; says?: string; children: React.ReactNode }) => (
  <div className={css.rule}>
    <span className={css.label}>{label}</span>
    {children}
    {says && <span className={css.says}>{says}</span>}
  </div>
);

const units = [
  { value: 's', label: 'seconds' },
  { value: 'm', label: 'minutes' },
  { value: 'h', label: 'hours' },
  { value: 'd', label: 'days' },
  { value: 'w', label: 'weeks' },
];

/** The longest time in the unit of a window. */
const saysMost = (window: string): string => `${exact(mostOf(window.slice(-1)))} ${units.find((u) => u.value === window.slice(-1))?.label}`;

/** A length of time; what is typed counts when the field is left. */
function Window({ value, onChange }: { value: string; onChange: (v: string) => void }) {
  const unit = value.slice(-1);
  const [n, setN] = useState<string | number>(Number(value.slice(0, -1)));
  const [shown, setShown] = useState(value);
  if (shown !== value) {
    setShown(value);
    setN(Number(value.slice(0, -1)));
  }
  const done = (u: string) => {
    const v = Math.min(Math.round(Number(n)), mostOf(u));
    if (v >= 1) onChange(`${v}${u}`);
    else setN(Number(value.slice(0, -1)));
  };
  return (
    <div className={css.window}>
      <NumberInput
        aria-label="Time to finish"
        size="sm"
        min={1}
        max={mostOf(unit)}
        allowDecimal={false}
        allowNegative={false}
        value={n}
        onChange={setN}
        onBlur={() => done(unit)}
        onKeyDown={(e) => {
          if (e.key !== 'Enter') return;
          e.preventDefault(); // the form around it is not done
          done(unit);
        }}
        hideControls
      />
      <Select aria-label="Unit of the time to finish" data={units} value={unit} allowDeselect={false} onChange={(u) => u && done(u)} />
    </div>
  );
}

function Exclusions({ state, onChange }: { state: FunnelState; onChange: (e: Exclusion[]) => void }) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const follow = useFollow(box, state.exclude);
  const n = state.steps.length;
  const remove = (i: number) => {
    follow(state.exclude.length > 1 ? '[data-pick]' : '[data-add]', Math.max(0, Math.min(i, state.exclude.length - 2)));
    onChange(state.exclude.filter((_, j) => j !== i));
  };
  const set = (i: number, e: Exclusion) => onChange(state.exclude.map((old, j) => (j === i ? e : old)));
  const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
  return (
    <div className={css.rule} role="group" aria-labelledby={id} ref={box}>
      <span className={css.label} id={id}>
        Without
      </span>
      {state.exclude.map((e, i) => (
        // oxlint-disable-next-line react/no-array-index-key
        <div key={i} className={css.exclusion}>
          <div className={css.pick}>
            <EventPicker label={`Exclusion ${i + 1}`} shown={eventOfStep(e, [])} goals={false} placeholder="What must not happen" onPick={(p) => set(i, { ...e, type: p.type, filter: p.filter ?? [] })} />
            <ActionIcon variant="subtle" color="gray" aria-label={`Remove exclusion ${i + 1}`} onClick={() => remove(i)}>
              <IconTrash size={16} stroke={1.6} aria-hidden />
            </ActionIcon>
          </div>
          <div className={css.chips}>
            <FilterChips small label="Filter" filters={e.filter.flatMap((t) => parseFilter(t) ?? [])} onChange={(f) => set(i, { ...e, filter: f.map(writeFilter) })} />
          </div>
          <div className={css.between}>
            between step
            <Select size="xs" w={58} aria-label={`Exclusion ${i + 1}: after step`} data={numbers(1, n - 1)} value={String(e.after)} allowDeselect={false} onChange={(v) => set(i, { ...e, after: Number(v), before: Math.max(e.before, Number(v) + 1) })} />
            and
            <Select size="xs" w={58} aria-label={`Exclusion ${i + 1}: before step`} data={numbers(e.after + 1, n)} value={String(e.before)} allowDeselect={false} onChange={(v) => set(i, { ...e, before: Number(v) })} />
          </div>
        </div>
      ))}
      <Button
        data-add
        variant="subtle"
        justify="start"
        leftSection={<IconPlus size={15} aria-hidden />}
        disabled={state.exclude.length >= maxExclusions}
        onClick={() => {
          follow('[data-pick]', state.exclude.length);
          onChange([...state.exclude, { type: '', filter: [], after: 1, before: n }]);
        }}
      >
        Exclude people who do…
      </Button>
    </div>
  );
}

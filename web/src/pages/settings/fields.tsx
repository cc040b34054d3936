import { Button, Group } from '@mantine/core';
import { useState, type FormEvent, type ReactNode } from 'react';
import { asProblem } from '../../api/problem';
import { ProblemNotice } from '../../parts/Answer';
import css from './Settings.module.css';

/** What a refusal says of one field; undefined if it is about another. */
export function faultOf(error: unknown, field: string): string | undefined {
  return error ? asProblem(error).of(field) : undefined;
}

/** A copy of settings that is changed until it is saved. What others change meanwhile comes in while nothing of it was touched here. */
export function useDraft<T extends object>(now: T): { draft: T; set: (change: Partial<T>) => void; changed: Partial<T>; dirty: boolean; reset: () => void } {
  const [own, setOwn] = useState<Partial<T>>({});
  const draft = { ...now, ...own };
  const changed = Object.fromEntries(Object.entries(own).filter(([k, v]) => JSON.stringify(v) !== JSON.stringify(now[k as keyof T]))) as Partial<T>;
  return { draft, set: (c) => setOwn((o) => ({ ...o, ...c })), changed, dirty: Object.keys(changed).length > 0, reset: () => setOwn({}) };
}

/** A form that is saved as a whole: its buttons appear when something was changed. `known` are the fields that show their faults themselves. */
export function Form({ dirty, busy, error, known, onSave, onReset, children }: { dirty: boolean; busy: boolean; error: unknown; known: string[]; onSave: () => void; onReset: () => void; children: ReactNode }) {
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (dirty && !busy) onSave();
  };
  const elsewhere = error && !known.some((f) => faultOf(error, f) !== undefined);
  return (
    <form onSubmit={submit} className={css.form}>
      {children}
      {elsewhere ? <ProblemNotice error={error} /> : null}
      {dirty && (
        <Group gap="xs" className={css.save}>
          <Button type="submit" loading={busy}>
            Save changes
          </Button>
          <Button variant="default" onClick={onReset} disabled={busy}>
            Discard
          </Button>
        </Group>
      )}
    </form>
  );
}

export const roles: Record<string, string> = {
  viewer: 'Reads reports',
  analyst: 'Also asks SQL and saves goals, segments and dashboards',
  admin: 'Also manages sources, keys, people and privacy',
  writer: 'Sends events and reads nothing',
};

export const roleOptions = (list: string[]) => list.map((r) => ({ value: r, label: r[0]!.toUpperCase() + r.slice(1) }));
export const named = (s: string) => (s ? s[0]!.toUpperCase() + s.slice(1) : s);

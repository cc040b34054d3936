import type { KeyboardEvent, ReactNode } from 'react';
import css from './Entries.module.css';

/**
 * What is in a popover that lists saved things: a field to search, entries, buttons. It is no menu: an entry has more than one thing that can be done with it. Up and
 * down lead from one entry to the next; the rest of them is reached by the tabulator.
 */
export function Entries({ children }: { children: ReactNode }) {
  const step = (e: KeyboardEvent<HTMLDivElement>) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!by) return;
    e.preventDefault();
    const all = [...e.currentTarget.querySelectorAll<HTMLElement>('input, [data-entry]:not(:disabled)')];
    const at = all.findIndex((x) => x === document.activeElement || x.parentElement?.contains(document.activeElement));
    all[(at + by + all.length) % all.length]?.focus();
  };
  // keys that no entry takes come up to here
  // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
  return <div onKeyDown={step}>{children}</div>;
}

export const EntryList = ({ children }: { children: ReactNode }) => <ul className={css.list}>{children}</ul>;

/** An entry: its name, a line that says what it is, and what can be done with it beside being chosen. */
export function Entry({ name, says, mono, current, onPick, children }: { name: string; says: string; mono?: boolean; current: boolean; onPick: () => void; children?: ReactNode }) {
  return (
    <li className={css.row}>
      <button type="button" data-entry className={css.entry} onClick={onPick} aria-current={current || undefined} title={says}>
        <span className="cut">{name}</span>
        <small className={mono ? 'mono cut' : 'cut'}>{says}</small>
      </button>
      {children}
    </li>
  );
}

/** In place of entries. */
export const NoEntry = ({ children }: { children: ReactNode }) => <span className={css.none}>{children}</span>;

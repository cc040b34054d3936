import type { ReactNode } from 'react';
import css from './Field.module.css';

/** A field of a form that is more than one control: its label, what it is for, and what is wrong with it. */
export function Field({ label, says, error, children }: { label: string; says?: string; error?: string; children: ReactNode }) {
  return (
    <div role="group" aria-label={label}>
      <div className={css.label}>{label}</div>
      {says && <div className={css.says}>{says}</div>}
      {children}
      {error && (
        <div className={css.error} role="alert">
          {error}
        </div>
      )}
    </div>
  );
}

/** Chips in a field, side by side. */
export const FieldChips = ({ children }: { children: ReactNode }) => <div className={css.chips}>{children}</div>;

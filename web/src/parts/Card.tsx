import { useEffect, useRef, type ReactNode } from 'react';
import { inSight } from './inSight';
import { useCut } from './useCut';
import css from './Card.module.css';

/** A panel with a title, something at the right of it, and a body. */
export function Card({ title, aside, children, className }: { title?: ReactNode; aside?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={className ? `${css.card} ${className}` : css.card}>
      {(title || aside) && (
        <header className={css.head}>
          {title && <h2>{title}</h2>}
          {aside && <div className={css.aside}>{aside}</div>}
        </header>
      )}
      <div className={css.body}>{children}</div>
    </section>
  );
}

/** Tabs in the head of a card. Arrow keys move between them. */
export function Tabs<T extends string>({ label, tabs, value, onChange }: { label: string; tabs: [T, string][]; value: T; onChange: (v: T) => void }) {
  const step = (by: number) => {
    const i = tabs.findIndex(([id]) => id === value);
    const next = tabs[(i + by + tabs.length) % tabs.length];
    if (next) onChange(next[0]);
  };
  const row = useRef<HTMLDivElement>(null);
  useCut(row);
  useEffect(() => inSight(row.current?.querySelector<HTMLElement>('[aria-selected=true]') ?? null), [value]); // once: who scrolls on is left alone
  return (
    <div ref={row} role="tablist" aria-label={label} className={css.tabs}>
      {tabs.map(([id, name]) => (
        <button
          key={id}
          type="button"
          role="tab"
          aria-selected={id === value}
          tabIndex={id === value ? 0 : -1}
          ref={(el) => {
            if (el && id === value && el.parentElement?.contains(document.activeElement) && document.activeElement !== el) el.focus();
          }}
          onClick={() => onChange(id)}
          onKeyDown={(e) => {
            if (e.key === 'ArrowRight') step(1);
            if (e.key === 'ArrowLeft') step(-1);
          }}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

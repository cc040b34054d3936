import { useRef, type ReactNode } from 'react';
import { useCut } from './useCut';

/** What may be wider than the window: it scrolls by itself, is reached by the keyboard, and fades where there is more of it. `label` says what it is; `className` makes it scroll. */
export function Scroll({ label, className, children }: { label: string; className: string | undefined; children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  useCut(box);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div ref={box} className={className} tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  );
}

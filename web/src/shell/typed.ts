import { useEffect, useRef, useState } from 'react';

/**
 * What is typed into a field that comes a moment after it was asked for: the palette, whose script may have to be loaded first. From the moment that it is
 * `open` keys count for it, until its `field` has the focus and takes them itself. `entered`: Enter was pressed before that.
 */
export function useTyped(open: boolean, close: () => void) {
  const [text, write] = useState('');
  const [entered, enter] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!open) return;
    const take = (e: KeyboardEvent) => {
      if (field.current && document.activeElement === field.current) return;
      if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
      if (e.key.length === 1) write((t) => t + e.key);
      else if (e.key === 'Backspace') write((t) => t.slice(0, -1));
      else if (e.key === 'Enter') enter(true);
      else if (e.key === 'Escape') close();
      else return;
      e.preventDefault();
      e.stopPropagation();
    };
    addEventListener('keydown', take, true);
    return () => {
      removeEventListener('keydown', take, true);
      write('');
      enter(false);
    };
  }, [open, close]);
  return { text, write, entered, field };
}

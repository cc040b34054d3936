import { useEffect, useRef, type RefObject } from 'react';

const many = 24; // elements that are remembered
const focusable = 'a[href], button, input, select, textarea, [tabindex]';

// What had the focus, the last one at the end: from the keyboard, or by a press (some browsers give buttons no focus then).
let trail: HTMLElement[] = [];
const remember = (e: Event) => {
  const el = e.target instanceof Element ? e.target.closest<HTMLElement>(focusable) : null;
  if (el && el !== trail.at(-1)) trail = [...trail.slice(1 - many), el];
};
document.addEventListener('focusin', remember, true);
document.addEventListener('click', remember, true);

const there = (el: HTMLElement) => el.isConnected && el.getClientRects().length > 0 && !el.matches(':disabled');

/**
 * For a dialog or a drawer that is in the page only while it is open: when it goes, the focus goes back to what opened it. Mantine's returnFocus remembers when
 * `opened` changes, and such a dialog never sees that. Where the opener is gone by then (the item of a menu, the row that was deleted), the focus goes to what
 * had it before that: the menu's button; and to the page if nothing of it is left. What took the focus meanwhile keeps it.
 */
export function useFocusBack(): void {
  useEffect(() => {
    const before = trail;
    return () => {
      setTimeout(() => {
        if (document.activeElement && document.activeElement !== document.body) return;
        (before.findLast(there) ?? document.getElementById('page'))?.focus({ preventScroll: true });
      }, 20); // menus and popovers that close at the same time have had their turn
    };
  }, []);
}

/**
 * For a list whose parts are added, moved and removed: the function that it gives says which element gets the focus, the n-th that a selector finds in `box`, when
 * `list` is another. Without it the focus goes to nowhere with what is removed, and stays behind what is added.
 */
export function useFollow(box: RefObject<HTMLElement | null>, list: unknown): (selector: string, n: number) => void {
  const next = useRef<{ selector: string; n: number }>(undefined);
  useEffect(() => {
    if (next.current) box.current?.querySelectorAll<HTMLElement>(next.current.selector)[next.current.n]?.focus();
    next.current = undefined;
  }, [box, list]);
  return (selector, n) => {
    next.current = { selector, n };
  };
}

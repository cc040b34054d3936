import { useEffect, type RefObject } from 'react';

/** Marks what scrolls with the sides at which something is out of sight (`data-cut`): cut.css lets it fade there. Above there is the head of a table, which stays. */
export function useCut(ref: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const el = ref.current;
    if (!el) return;
    const mark = () => {
      const sides = [el.scrollLeft > 1 && 'left', el.scrollLeft + el.clientWidth < el.scrollWidth - 1 && 'right', el.scrollTop + el.clientHeight < el.scrollHeight - 1 && 'bottom'].filter(Boolean);
      if (sides.length > 0) el.dataset.cut = sides.join(' ');
      else delete el.dataset.cut;
    };
    mark();
    const size = new ResizeObserver(mark);
    size.observe(el);
    for (const child of el.children) size.observe(child); // a font that comes later makes them wider
    el.addEventListener('scroll', mark, { passive: true });
    return () => {
      size.disconnect();
      el.removeEventListener('scroll', mark);
    };
  }); // after each render: there may be others in the row
}

const room = 12; // px beside it: it does not stick to the edge

/** Scrolls what is around an element sideways until the element is wholly seen; the page itself stays. For a ref of what is chosen in a row that may be wider than the window. */
export function inSight(el: HTMLElement | null): void {
  const row = el?.parentElement;
  if (!el || !row) return;
  const [box, seen] = [el.getBoundingClientRect(), row.getBoundingClientRect()];
  if (box.left < seen.left) row.scrollLeft -= seen.left - box.left + room;
  else if (box.right > seen.right) row.scrollLeft += box.right - seen.right + room;
}

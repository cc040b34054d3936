import type { KeyboardEvent } from 'react';

/** The entry that Enter takes of an open list: the one that is marked, else the first one that what was typed has found. What is chosen already, and is what stands in the field, was not typed. */
function taken(list: HTMLElement, text: string): HTMLElement | null {
  const marked = list.querySelector<HTMLElement>('[data-combobox-selected]');
  if (marked || text === '' || list.querySelector('[data-combobox-active]')?.textContent === text) return marked;
  return list.querySelector<HTMLElement>('[data-combobox-option]');
}

/**
 * What a Select is that is searched by typing: its first hit is marked, and Enter takes what is marked. Mantine's own Enter takes what it has counted up to, which
 * it forgets some moments after the list has opened, and marks nothing in a list that is not drawn yet: one that opens by the first letter, or on a busy machine, had an entry that Enter did not take.
 */
export const searched = {
  searchable: true,
  selectFirstOptionOnChange: true,
  onKeyDownCapture: (e: KeyboardEvent<HTMLInputElement>) => {
    if (e.key !== 'Enter' || e.nativeEvent.isComposing || e.currentTarget.getAttribute('aria-expanded') !== 'true') return;
    const list = document.getElementById(e.currentTarget.getAttribute('aria-controls') ?? '');
    const entry = list && taken(list, e.currentTarget.value);
    if (!entry) return;
    e.preventDefault(); // the form around it is not done
    e.stopPropagation();
    entry.click();
  },
} as const;

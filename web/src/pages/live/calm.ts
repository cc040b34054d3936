import { useState } from 'react';
import type { Live } from '../../api/live';

const rest = 5000; // ms that the order of a list stays as it is

/**
 * The rows in the order that they had, new ones behind: the order follows the values only now and then, and never while the list is held. `at` is when the
 * rows came.
 */
export function useCalmOrder<T extends { key: string }>(rows: T[], at: number, held: boolean): T[] {
  const [kept, keep] = useState(() => ({ at, order: rows.map((r) => r.key) }));
  if (!held && at - kept.at >= rest) keep({ at, order: rows.map((r) => r.key) });
  return inOrder(rows, kept.order);
}

export function inOrder<T extends { key: string }>(rows: T[], order: string[]): T[] {
  const place = new Map(order.map((k, i) => [k, i]));
  return rows
    .map((row, i) => ({ row, at: place.get(row.key) ?? order.length + i }))
    .toSorted((a, b) => a.at - b.at)
    .map((x) => x.row);
}

/** The views of each path, of all hosts together, the most first. */
export function byPath(pages: { path: string; views: number }[]): { path: string; views: number }[] {
  const paths = new Map<string, number>();
  for (const p of pages) paths.set(p.path, (paths.get(p.path) ?? 0) + p.views);
  return [...paths].map(([path, views]) => ({ path, views })).toSorted((a, b) => b.views - a.views);
}

export type Recent = NonNullable<Live['recent']>[number];
export type Shown = Recent & { key: string; nth: number };

const full = 20; // events that a state has at most

/** What an event shows; equal events of one moment are told apart by their number, the first is 1. */
const looks = (e: Recent) => `${e.ts} ${e.type} ${e.path ?? ''} ${e.country ?? ''} ${e.device ?? ''}`;

/**
 * The events that were there and those that came, the latest first, `most` at most. A state has the last twenty events: from its oldest on it is right, before
 * that what came earlier counts. Of a full state's oldest moment some events may have fallen out: those that were there stay, and keep their keys. `missed` says
 * that events between were too many to be in any state.
 */
export function gather(before: Shown[], came: Recent[], most: number): { events: Shown[]; missed: boolean } {
  const oldest = came.at(-1)?.ts;
  const latest = before[0]?.ts;
  const cut = came.length >= full ? oldest : undefined; // the moment that may be there in part only
  const out = new Map<string, number>(); // of that moment, how many there were of each that are not in the state any more
  for (const e of before) if (e.ts === cut) out.set(looks(e), Math.max(e.nth, out.get(looks(e)) ?? 0));
  for (const e of came) if (e.ts === cut) out.set(looks(e), (out.get(looks(e)) ?? 0) - 1);
  const kept = before.filter((e) => oldest === undefined || e.ts < oldest || (e.ts === cut && e.nth <= (out.get(looks(e)) ?? 0)));
  const seen = new Map<string, number>();
  const fresh = came.toReversed().map((e) => {
    const id = looks(e);
    const nth = (seen.get(id) ?? Math.max(0, out.get(id) ?? 0)) + 1;
    seen.set(id, nth);
    return { ...e, key: `${id} ${nth}`, nth };
  });
  return { events: [...fresh.toReversed(), ...kept].slice(0, most), missed: latest !== undefined && oldest !== undefined && latest < oldest && came.length >= full };
}

/** What is known of the properties of the tenant's events; `certain`: there are no others. */
export type Known = { properties: string[]; certain: boolean };

/** The property of a column's name; undefined if it is a column. */
const propertyOf = (dim: string): string | undefined => (dim.startsWith('props.') ? dim.slice(6) : undefined);

/** The properties among columns that no event has had, each once; nothing where that is not certain. */
export function unheard(dims: string[], known: Known | undefined): string[] {
  if (!known?.certain) return [];
  const names = dims.flatMap((d) => propertyOf(d) ?? []);
  return [...new Set(names)].filter((n) => !known.properties.includes(n));
}

/** What was probably meant by a name that is none of those that there are; undefined if none is like it. */
export function meant(name: string, known: string[]): string | undefined {
  const within = known.find((k) => k.startsWith(`${name}.`) || k.startsWith(`${name}:`));
  if (within !== undefined) return within;
  const most = Math.max(1, Math.floor(name.length / 3));
  const [best] = known.map((k) => ({ k, d: distance(name.toLowerCase(), k.toLowerCase(), most) })).filter(({ d }) => d <= most).toSorted((a, b) => a.d - b.d);
  return best?.k;
}

/** How many letters must be put in, taken out, changed or swapped with the next to make b of a; more than `most` if it is more. */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let d = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, before[j - 2]! + 1);
      row.push(d);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}

/** The texts of filters anywhere in a question that was saved. */
export function filtersWithin(question: unknown): string[] {
  if (typeof question !== 'object' || question === null) return [];
  return Object.entries(question).flatMap(([k, v]) => (k === 'filter' ? (Array.isArray(v) ? v : [v]).filter((t): t is string => typeof t === 'string') : filtersWithin(v)));
}

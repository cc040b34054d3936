import type { Filter } from './filters';

const column = 'props.currency';
const isCode = (s: string) => /^[A-Z]{3}$/.test(s);

/** The ways in which the letters of a code may be written: sites that mean one currency write it so or so. */
export function casesOf(code: string): string[] {
  return [...code].reduce<string[]>((done, c) => done.flatMap((s) => [s + c, s + c.toLowerCase()]), ['']);
}

/** The filter that keeps the events of a currency. Those without one (an empty code) are those of none of the `known` ones. None is needed when there is only one. */
export function currencyFilter(code: string, known: string[]): Filter | undefined {
  if (known.length < 2) return undefined;
  if (code !== '') return { dim: column, not: false, contains: false, values: casesOf(code) };
  return { dim: column, not: true, contains: false, values: known.filter((c) => c !== '').flatMap(casesOf) };
}

/** The currency that filters leave; undefined if they say nothing about it. */
export function currencyOf(filters: Filter[]): string | undefined {
  const f = filters.find((x) => x.dim === column && !x.not && !x.contains);
  const codes = new Set(f?.values.map((v) => v.toUpperCase()));
  const [code] = codes;
  return codes.size === 1 && code !== undefined && isCode(code) ? code : undefined;
}

// Filters of a view, in the grammar of /report: column:value, several values a|b, not: !column:value, contains: column:~text. A backslash takes the meaning from |, \ and a leading ~ or !
// of values, and from : and \ in the name of a property.

export type Filter = { dim: string; not: boolean; contains: boolean; values: string[] };

const escape = (s: string, first: boolean) => s.replace(/[\\|]/g, '\\$&').replace(/^[~!]/, first ? '\\$&' : '$&');

/** A filter as weir and the address write it. */
export function writeFilter(f: Filter): string {
  return `${f.not ? '!' : ''}${f.dim.replace(/[\\:]/g, '\\$&')}:${f.contains ? '~' : ''}${f.values.map((v, i) => escape(v, i === 0 && !f.contains)).join('|')}`;
}

/** The filter of its text; undefined if it is none. */
export function parseFilter(text: string): Filter | undefined {
  let not = text.startsWith('!');
  const rest = not ? text.slice(1) : text;
  const [name = '', dim = ''] = /^((?:[^:\\]|\\[\\:]|\\(?![\\:]))+):/.exec(rest) ?? [];
  if (name === '') return undefined;
  let value = rest.slice(name.length);
  if (!not && value.startsWith('!')) {
    not = true;
    value = value.slice(1);
  }
  const contains = value.startsWith('~');
  if (contains) value = value.slice(1);
  const values: string[] = [''];
  for (let i = 0; i < value.length; i++) {
    const c = value[i]!;
    if (c === '\\' && i + 1 < value.length) values[values.length - 1] += value[++i]!;
    else if (c === '|') values.push('');
    else values[values.length - 1] += c;
  }
  return { dim: dim.replace(/\\([\\:])/g, '$1'), not, contains, values };
}

/** Adds a value to the filter of a dim that keeps values, or takes it away again if it is the only one. */
export function toggle(filters: Filter[], dim: string, value: string): Filter[] {
  const i = filters.findIndex((f) => f.dim === dim && !f.not && !f.contains);
  const old = filters[i];
  if (!old) return [...filters, { dim, not: false, contains: false, values: [value] }];
  const values = old.values.includes(value) ? old.values.filter((v) => v !== value) : [...old.values, value];
  return values.length === 0 ? filters.filter((_, j) => j !== i) : filters.map((f, j) => (j === i ? { ...f, values } : f));
}

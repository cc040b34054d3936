// What the API says of the fields of a request ("field password: …"), in the words of the forms in which people fill them in.
import { plural } from '../format/numbers';

/** What the forms call a field, where its own name does not say that. */
const labels: Record<string, string> = {
  email: 'E-mail',
  site_id: 'Site id',
  sql: 'Statement',
  type: 'Event',
  window: 'Time to finish',
  group_by: 'Break down by',
  expires: 'Ends',
  overlap: 'The old key works on',
  session_timeout: 'A session ends after a pause of',
  'masks.column': 'Column or property',
  cpu_seconds_per_minute: 'CPU seconds a minute',
  cpu_seconds_per_hour: 'CPU seconds an hour',
};
/** What is only a frame around fields, in the API and not on the page. */
const frames = new Set(['body', 'settings', 'limits', 'privacy', 'budget']);

/** The name of a field in the words of the page: steps[1].type is the event of step 2. */
export function fieldName(field: string): string {
  const parts = field.split('.').filter((p, i, all) => !(frames.has(p) && i < all.length - 1));
  const whole = labels[parts.join('.')];
  if (whole) return whole;
  return parts
    .map((part, i) => {
      const [, name = part, at] = /^([^[]*)\[(\d+)\]$/.exec(part) ?? [];
      const label = labels[name] ?? name.replaceAll('_', ' ').replace(/\bper\b/, 'a');
      const one = at === undefined ? label : `${label.replace(/s$/, '')} ${Number(at) + 1}`;
      return i === 0 ? one.charAt(0).toUpperCase() + one.slice(1) : one.charAt(0).toLowerCase() + one.slice(1);
    })
    .join(', ');
}

const amounts: Record<string, string> = { '>=': 'at least', '<=': 'at most', '>': 'more than', '<': 'less than' };
const kinds: Record<string, string> = { number: 'a number', integer: 'a whole number', string: 'a text', boolean: 'true or false', array: 'a list', object: 'an object' };

/** What is wrong with a value, as a sentence about it. */
function inWords(text: string): string {
  const [, what, sign, n] = /^expected (length|array length|number) ([<>]=?) ([\d.e+-]+)$/.exec(text) ?? [];
  if (what) return `it must ${what === 'number' ? 'be' : 'have'} ${amounts[sign!]} ${n}${what === 'number' ? '' : ` ${plural(Number(n), what === 'length' ? 'character' : 'value')}`}`;
  const [, choice] = /^expected value to be one of "(.*)"$/.exec(text) ?? [];
  if (choice) return `it must be one of ${choice}`;
  const [, kind, such = ''] = /^expected (number|integer|string|boolean|array|object)(, such as .*)?$/.exec(text) ?? [];
  if (kind) return `it must be ${kinds[kind]}${such}`;
  return /^is (missing|null)\b/.test(text) ? 'it is missing' : text;
}

export type Part = { field: string; text: string };

/** What a detail says of each field; nothing where it does not name them in this way. */
export function partsOf(detail: string, field: string | undefined): Part[] {
  const named = [...detail.matchAll(/(?:^|; )field ([\w.[\]-]+)(?:: | (?=is (?:missing|null)\b))/g)];
  if (named[0]?.index === 0) return named.map((m, i) => ({ field: m[1]!, text: inWords(detail.slice(m.index + m[0].length, named[i + 1]?.index)) }));
  // the questions of reports begin with the field's own name: from is "x"; …
  const rest = field && detail.startsWith(`${field} `) ? detail.slice(field.length + 1) : '';
  return field && /^(is|has|must|cannot|names) /.test(rest) ? [{ field, text: `it ${rest}` }] : [];
}

/** A sentence of its own; what begins with a name in another writing than words have stays as it is. */
export const sentence = (text: string): string => (/^[a-z]+[\s,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text);

import { expect, test } from 'vitest';
import { dim, event, raw, value, withBlanks } from './names';
import { readable } from './path';
import { visible } from './visible';

const turned = 'abc\u202egnp.exe'; // reads as abcexe.png

test('what turns the direction of writing, and controls, are seen', () => {
  expect(visible(turned)).toBe('abc\\u202egnp.exe');
  expect(visible('a\nb\tc\u0000\u007f\u0085')).toBe('a␊b␉c␀␡\\u0085');
  expect(visible('a\nb\tc\u001b[1m', true)).toBe('a\nb\tc␛[1m');
  for (const c of '\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069') expect(visible(c)).toMatch(/^\\u[0-9a-f]{4}$/);
});

test('texts of any language, and emoji of several parts, stay as they are', () => {
  for (const text of ['שלום', 'مرحبا', 'می\u200cخواهم', '👩‍👧', 'e\u0301', 'a b', '\u00a0', '']) expect(visible(text)).toBe(text);
});

test('values of every column, and names, show them', () => {
  const shown = 'abc\\u202egnp.exe';
  for (const d of ['type', 'utm_campaign', 'referrer_host', 'path', 'entry_path', 'props.plan', 'user_id']) expect([value(d, turned), raw(d, turned)], d).toEqual([shown, shown]);
  expect([event(turned), dim(`props.${turned}`), withBlanks(` ${turned}`), readable(turned), readable('/%C3%9C\u202e')]).toEqual([shown, shown, `␣${shown}`, shown, '/Ü\\u202e']);
  expect(readable('/a%E2%80%AEb')).toBe('/a%E2%80%AEb'); // what was encoded shows itself
});

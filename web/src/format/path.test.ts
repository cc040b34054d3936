import { expect, test } from 'vitest';
import { sentence } from '../parts/filters';
import { nameOf } from '../pages/paths/nodes';
import { found, raw, value } from './names';
import { readable } from './path';

test('what is percent-encoded is readable', () => {
  expect(['/%C3%9Cn%C3%AFcode', '/%c3%9c', '/caf%C3%A9/%E6%97%A5%E6%9C%AC', '/%F0%9F%8E%89', '/%7Bid%7D', '/a%2Cb', '/%D7%A9%D7%9C', '/%E0%A4%95%E0%A4%BF'].map(readable)).toEqual([
    '/Ünïcode', '/Ü', '/café/日本', '/🎉', '/{id}', '/a,b', '/של', '/कि',
  ]);
  expect(['', '/', '/plain', '/ü', '100%', '/%', '/%zz'].map(readable)).toEqual(['', '/', '/plain', '/ü', '100%', '/%', '/%zz']);
});

test('what would look like something else stays encoded', () => {
  const parts = ['%2F', '%2f', '%5C', '%25', '%3F', '%23', '%26', '%3D', '%2B', '%3B', '%20', '%00', '%0A', '%1F', '%7F', '%C2%80', '%C2%A0', '%E2%80%83', '%E3%80%80'];
  const unseen = ['%E2%80%AE', '%E2%81%A6', '%E2%80%8F', '%E2%80%8B', '%C2%AD', '%EF%BB%BF', '%EF%B8%8F', '%E3%85%A4', '%E1%85%9F', '%F3%A0%81%81'];
  const slashes = ['%EF%BC%8F', '%E2%81%84', '%E2%88%95', '%EF%BC%9F', '%EF%BC%83', '%EF%BC%85', '%E2%81%89', '%CC%B8'];
  const bad = ['%C3', '%FF', '%C0%AF', '%ED%A0%80', '%F4%90%80%80', '%E6%97'];
  for (const p of [...parts, ...unseen, ...slashes, ...bad]) expect(readable(`/a${p === '%CC%B8' ? '/' : ''}${p}b`)).toBe(`/a${p === '%CC%B8' ? '/' : ''}${p}b`);
  expect(readable('/%C3%9C%2F%C3%9C%FF%C3%9C%25C3')).toBe('/Ü%2FÜ%FFÜ%25C3'); // beside what is decoded, and nothing twice
});

test('paths are readable wherever a value is named, and found by both', () => {
  const p = '/%C3%9Cber';
  expect(['path', 'entry_path', 'exit_path', 'host', 'props.page'].map((d) => value(d, p))).toEqual(['/Über', '/Über', '/Über', p, p]);
  expect([sentence({ dim: 'path', not: false, contains: false, values: [p] }), raw('path', p), raw('country', 'DE'), raw('path', '')]).toEqual(['is /Über', p, 'Germany', 'Unknown']);
  expect([found('path', p, 'über'), found('path', p, '%c3%9c')]).toEqual([true, true]);
  expect([nameOf({ id: '0:x', path: p, people: 1, step: 0 }), nameOf({ id: '1:x', path: p, people: 1, step: 1 })]).toEqual(['/Über', '/Über']);
});

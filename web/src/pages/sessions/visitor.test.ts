import { expect, test } from 'vitest';
import { visitorOf, visitorPart } from './visitor';

test('every id has an address of its own', () => {
  for (const id of ['.', '..', '...', '~', '~.', '~~', 'a/b?c#d', '%2e', 'ü', 'x'.repeat(2000)]) {
    const url = new URL(`https://weir.example/sites/s/sessions/visitors/${visitorPart(id)}?range=7d`);
    expect(url.pathname.split('/').length).toBe(6);
    expect(visitorOf(decodeURIComponent(url.pathname.split('/').at(-1)!))).toBe(id);
  }
});

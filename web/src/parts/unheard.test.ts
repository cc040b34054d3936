import { expect, test } from 'vitest';
import { filtersWithin, meant, unheard } from './unheard';

test('properties that no event has had, where that is certain', () => {
  const known = { properties: ['plan', 'utm.x'], certain: true };
  expect(unheard(['country', 'props.plan', 'props.plna', 'props.plna', 'props.utm.x', 'props.a.b'], known)).toEqual(['plna', 'a.b']);
  expect(unheard(['props.plna'], { ...known, certain: false })).toEqual([]);
  expect(unheard(['props.plna'], undefined)).toEqual([]);
});

test('what was meant', () => {
  const known = ['plan', 'status', 'revenue', 'cart.total', 'id'];
  const all = { plna: 'plan', Plan: 'plan', pan: 'plan', plane: 'plan', statsu: 'status', stauts: 'status', revnue: 'revenue', cart: 'cart.total', ip: 'id' };
  expect(Object.fromEntries(Object.keys(all).map((n) => [n, meant(n, known)]))).toEqual(all);
  for (const n of ['colour', 'x', 'tier', 'p']) expect(meant(n, known)).toBeUndefined();
  expect(meant('plna', [])).toBeUndefined();
});

test('filters anywhere in a question', () => {
  expect(filtersWithin({ did: { type: 'x', filter: ['a:b'] }, filter: 'c:d', steps: [{ filter: ['e:f', 3] }, { goal: 'g' }], at_least: 1 })).toEqual(['a:b', 'c:d', 'e:f']);
  expect([filtersWithin(undefined), filtersWithin('x'), filtersWithin(null)]).toEqual([[], [], []]);
});

import { expect, test } from 'vitest';
import { saysUnseen, unseenIn } from './unseen';

test('an answer tells the properties that were never seen', () => {
  expect(unseenIn({ data: [], unknown: ['props.plan', 'props.tier'] })).toEqual(['props.plan', 'props.tier']);
  expect(unseenIn({ pages: [{ unknown: ['props.plan'] }, { unknown: ['props.plan', 'props.tier'] }] })).toEqual(['props.plan', 'props.tier']);
});

test('other answers tell none', () => {
  for (const answer of [undefined, null, 'text', 3, [], {}, { unknown: null }, { unknown: 4 }, { unknown: [1, null] }, { pages: 2 }, { pages: [null] }]) expect(unseenIn(answer)).toEqual([]);
});

test('they are said by the names that they have in the dashboard', () => {
  expect(saysUnseen([])).toBeUndefined();
  expect(saysUnseen(['props.plan'])).toBe('Never seen in events: plan');
  expect(saysUnseen(['props.plan', 'props.a:b'])).toBe('Never seen in events: plan, a:b');
});

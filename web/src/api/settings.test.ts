import { expect, test } from 'vitest';
import { changedMasks, type Mask } from './settings';

const mask = (column: string, action: Mask['action'], roles: string[]) => ({ column, action, roles }) as Mask;

test('a mask is added to or taken from those that there are by now', () => {
  const a = mask('city', 'hide', ['viewer', 'analyst']);
  const b = mask('city', 'hide', ['viewer']);
  const c = mask('user_id', 'hash', ['viewer']);
  expect(changedMasks([a, b], { add: c })).toEqual([a, b, c]);
  expect(changedMasks([a, b], { remove: mask('city', 'hide', ['analyst', 'viewer']) })).toEqual([b]);
  expect(changedMasks([a, b, c], { remove: mask('user_id', 'hide', ['viewer']) })).toEqual([a, b, c]);
  expect(changedMasks([a], { add: a })).toEqual([a]);
});

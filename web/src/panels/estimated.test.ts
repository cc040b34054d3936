import { expect, test } from 'vitest';
import { saysEstimated } from './estimated';

test('an estimate says how close it is', () => {
  expect(saysEstimated({ approximate: { visitors: 0.017 } })).toBe('Estimated: visitors, to within about 1.7%');
});

test('exact answers say nothing', () => {
  for (const answer of [undefined, {}, { approximate: undefined }, { approximate: null }, { approximate: {} }, { approximate: { visitors: 'x' } }]) expect(saysEstimated(answer)).toBeUndefined();
});

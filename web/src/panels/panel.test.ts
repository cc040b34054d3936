import { expect, test } from 'vitest';
import { saysFilters } from './panel';

test('the filters and the segment of a panel, in words', () => {
  expect(saysFilters({ metric: ['visitors'] })).toBe('');
  expect(saysFilters({ filter: ['country:DE|AT', '!path:~/a'] })).toBe('Country is Germany or Austria, Page lacks “/a”');
  expect(saysFilters({ filter: 'cohort:co1', segment: 's1' })).toBe('of a cohort, of a segment');
  expect(saysFilters({ filter: ['!cohort:co1'] })).toBe('not of a cohort');
  expect(saysFilters({ filter: ['unreadable'] })).toBe('unreadable');
});

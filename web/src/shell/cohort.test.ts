import { expect, test } from 'vitest';
import { lengthInWords, saysWho } from './cohort';

test('who is in a cohort, in words', () => {
  expect(saysWho({ did: { type: 'signup' }, at_least: 1, within: '30d' })).toBe('signup in the last 30 days');
  expect(saysWho({ did: { type: 'pageview', filter: ['path:/pricing'] }, at_least: 3, within: '1w' })).toBe('Page view, Page is /pricing 3 times or more in the last week');
  expect(saysWho({ did: {} })).toBe('Anything in the last 30 days');
  expect(saysWho({ funnel: { steps: [] }, step: 2 })).toBe('Came to step 2 of a funnel');
  expect(saysWho({ people: ['a'], people_count: 1 })).toBe('A list of 1 id');
  expect(saysWho({ people_count: 1200 })).toBe('A list of 1,200 ids');
  expect(lengthInWords('90m')).toBe('90 minutes');
  expect(lengthInWords('odd')).toBe('odd');
});

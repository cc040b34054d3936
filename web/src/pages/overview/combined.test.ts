import { expect, test } from 'vitest';
import { parseFilter } from '../../state/filters';
import { combined } from './combined';

const of = (...texts: string[]) => combined(texts.flatMap((t) => parseFilter(t) ?? []));

test('what is counted is said where filters of visits and of events meet, and only there', () => {
  expect(of()).toBe('');
  expect(of('path:/pricing', 'type:pageview')).toBe('');
  expect(of('referrer_host:www.google.com', 'country:DE')).toBe('');
  expect(of('cohort:c1', 'referrer_host:www.google.com')).toBe('');
  expect(of('path:/pricing', 'referrer_host:www.google.com')).toMatch(/^Sessions, and what is said of them, are those that began with Referrer is www\.google\.com and have an event with Page is \/pricing\. /);
  expect(of('path:/pricing', '!type:signup', 'referrer_host:www.google.com')).toMatch(/ began with Referrer is www\.google\.com, have an event with Page is \/pricing and have no event with Event is signup\. /);
});

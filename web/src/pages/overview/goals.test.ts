import { expect, test } from 'vitest';
import type { Goal } from '../../api/saved';
import { currenciesOf } from '../../format/currencies';
import { casesOf, currencyFilter, currencyOf } from '../../state/currency';
import { parseFilter, writeFilter } from '../../state/filters';
import { earned, filteredBy, inCurrency, toggleGoal } from './goals';

const goal = (id: string, type: string, ...filter: string[]) => ({ id, name: id, type, filter }) as Goal;
const all = [goal('signup', 'signup'), goal('pro', 'signup', 'props.plan:pro'), goal('thanks', 'pageview', 'path:/thanks')];
const read = (texts: string[]) => texts.flatMap((t) => parseFilter(t) ?? []);
const click = (id: string, ...filters: string[]) => toggleGoal(all, all.find((g) => g.id === id)!, read(filters)).map(writeFilter);

test('a click on a goal filters by it, another one by that, the same one not any more', () => {
  expect(click('signup', 'country:DE')).toEqual(['country:DE', 'type:signup']);
  expect(click('thanks', 'country:DE', 'type:signup')).toEqual(['country:DE', 'type:pageview', 'path:/thanks']);
  expect(click('thanks', 'type:pageview', 'country:DE', 'path:/thanks')).toEqual(['country:DE']);
  expect(click('signup', 'type:signup', 'props.plan:pro')).toEqual(['type:signup']);
  expect(click('pro', 'type:signup')).toEqual(['type:signup', 'props.plan:pro']);
  expect(click('signup', 'type:click', '!type:scroll')).toEqual(['!type:scroll', 'type:signup']);
  expect(click('pro', 'props.plan:pro', 'country:DE')).toEqual(['props.plan:pro', 'country:DE', 'type:signup']); // what is there already is not written twice
});

test('the goal that is filtered by is the one that asks for the most', () => {
  expect(filteredBy(all, read(['type:signup', 'props.plan:pro']))?.id).toBe('pro');
  expect(filteredBy(all, read(['type:signup', 'props.plan:free']))?.id).toBe('signup');
  expect(filteredBy(all, read(['path:/thanks']))).toBeUndefined();
});

test('currencies', () => {
  expect(currenciesOf([{ currency: 'USD', amount: 5 }, { currency: '', amount: 0 }], null, [{ currency: 'EUR', amount: -1 }, { currency: 'USD', amount: 2 }])).toEqual(['USD', 'EUR']);
  const amounts = [{ currency: 'USD', amount: 5 }, { currency: 'EUR', amount: 0 }];
  expect([inCurrency(amounts, 'USD'), inCurrency(amounts, 'EUR'), inCurrency(amounts, 'CHF'), inCurrency(null, 'USD')]).toEqual([5, 0, undefined, undefined]);
  const huge = { revenue: [{ currency: 'EUR', amount: null }] }; // a sum that is no number is not nothing
  expect([currenciesOf(huge.revenue), earned(huge, 'EUR'), earned(huge, 'USD'), earned(undefined, 'EUR'), earned({ revenue: amounts }, 'USD')]).toEqual([['EUR'], null, 0, 0, 5]);
  expect(casesOf('AB')).toEqual(['AB', 'Ab', 'aB', 'ab']);
  expect(currencyFilter('EUR', ['EUR'])).toBeUndefined();
  expect(currencyFilter('EUR', ['EUR', 'USD'])?.values).toHaveLength(8);
  const none = currencyFilter('', ['EUR', '']);
  expect([none?.not, none?.values.includes('eur')]).toEqual([true, true]);
  expect(currencyOf([currencyFilter('EUR', ['EUR', 'USD'])!])).toBe('EUR');
  expect(currencyOf(read(['props.currency:EUR|USD']))).toBeUndefined();
  expect(currencyOf(read(['!props.currency:EUR', 'country:DE']))).toBeUndefined();
});

import { expect, test } from 'vitest';
import { metricsOf } from './panel';
import { inOneCurrency, mixes, saysCurrencies, untold } from './revenue';

const euros = { currency: 'EUR', amount: 100 };
const dollars = { currency: 'USD', amount: 20 };
const bare = { currency: '', amount: 5 };
const tile = { kind: 'tile', question: { metric: ['revenue'], filter: ['country:DE'] } };
const table = { kind: 'table', question: { metric: ['visitors', 'revenue'], group_by: ['path'] } };

test('revenue can be of several currencies, unless a filter or the groups tell them apart', () => {
  expect(mixes(tile)).toBe(true);
  expect(mixes(table)).toBe(true);
  expect(mixes({ kind: 'line', question: { metric: 'revenue' } })).toBe(true);
  expect(mixes({ kind: 'line', question: { metric: ['visitors', 'revenue'] } })).toBe(false); // it shows the first
  expect(mixes({ kind: 'tile', question: { metric: ['revenue'], filter: ['props.currency:EUR|eur'] } })).toBe(false);
  expect(mixes({ kind: 'tile', question: { metric: ['revenue'], filter: ['props.currency:EUR|USD'] } })).toBe(true);
  expect(mixes({ kind: 'bar', question: { metric: ['revenue'], group_by: ['props.currency'] } })).toBe(false);
  expect(mixes({ kind: 'tile', question: {} })).toBe(false);
  expect(mixes({ kind: 'funnel', question: { metric: ['revenue'] } })).toBe(false);
});

test('a panel of revenue is one of its largest currency, and says what there is besides', () => {
  const asked = inOneCurrency(tile, [euros, dollars, bare]);
  expect(asked.question.filter).toEqual(['country:DE', 'props.currency:EUR|EUr|EuR|Eur|eUR|eUr|euR|eur']);
  expect(metricsOf(asked.question)[0]?.currency).toBe('EUR');
  expect(saysCurrencies(tile, [euros, dollars, bare])).toBe('EUR only. Besides: $20.00, 5 without a currency');
  expect(saysCurrencies(asked, [euros, dollars, bare])).toBeUndefined();
  const none = inOneCurrency(tile, [bare, dollars]);
  expect(none.question.filter).toEqual(['country:DE', '!props.currency:USD|USd|UsD|Usd|uSD|uSd|usD|usd']);
  expect(saysCurrencies(tile, [bare, dollars])).toBe('Without a currency only. Besides: $20.00');
});

test('one currency is shown as such; no money, and money without a currency, as they are', () => {
  expect(metricsOf(inOneCurrency(tile, [dollars]).question)[0]?.currency).toBe('USD');
  for (const money of [[], [bare], [{ currency: 'EUR', amount: 0 }], undefined]) expect(inOneCurrency(tile, money)).toBe(tile);
  for (const money of [[], [bare], [dollars]]) expect(saysCurrencies(tile, money)).toBeUndefined();
});

test('beside other numbers, amounts of several currencies are not added up, and each is told', () => {
  expect(inOneCurrency(table, [euros, dollars])).toBe(table);
  expect([untold(table, [euros, dollars]), untold(table, [euros]), untold(tile, [euros, dollars])]).toEqual([true, false, false]);
  expect(saysCurrencies(table, [euros, dollars])).toBe('Revenue is in several currencies and not added up: €100.00, $20.00');
});

test('where it is not known which currencies there are, that they may be added up is said', () => {
  expect(saysCurrencies(tile, undefined)).toBe('Revenue is added up whatever its currency');
  expect(saysCurrencies({ kind: 'tile', question: { metric: ['revenue'], compare: 'previous' } }, [])).toBe('Revenue is added up whatever its currency'); // of the time before
});

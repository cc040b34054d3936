import { expect, test } from 'vitest';
import { amount, money, precise, price } from './money';

test('amounts in their currency', () => {
  expect([0, 9.5, 1234.5, 12_345.67, -20_000].map((n) => amount(n, 'EUR'))).toEqual(['€0.00', '€9.50', '€1,234.50', '€12.3K', '-€20K']);
  expect([amount(12_345.67, 'EUR', true), amount(1500, 'JPY'), amount(2, 'CHF')]).toEqual(['€12,345.67', '¥1,500', 'CHF 2.00']);
  expect([amount(12.345, ''), amount(12_345, ''), amount(undefined, 'EUR'), amount(null, '')]).toEqual(['12.35', '12.3K', '–', '–']);
});

test('what is below the last digit is not nothing', () => {
  expect([0.004, -0.004, 0.005, 1e-9].map((n) => amount(n, 'EUR'))).toEqual(['< €0.01', '> -€0.01', '€0.01', '< €0.01']);
  expect([amount(0.2, 'JPY'), amount(0.001, ''), amount(0, '')]).toEqual(['< ¥1', '< 0.01', '0']);
  expect(precise(1.25e-7, 'USD')).toBe('$0.000000125');
});

test('prices', () => {
  expect([0, 4e-7, 0.0000123, 0.5, 12.345].map((n) => price(n, 'USD'))).toEqual(['$0', '< $0.000001', '$0.000012', '$0.5', '$12']);
  expect(price(1, 'nonsense')).toBe('$1');
});

test('amounts of a table have the same digits', () => {
  const small = money('USD', 0.000312);
  expect([0.000312, 0.0000001, 0].map(small)).toEqual(['$0.000312', '< $0.000001', '$0.000000']);
  const large = money('EUR', 1234);
  expect([1234, 0.5, 0.001].map(large)).toEqual(['€1,234.00', '€0.50', '< €0.01']);
  expect(money('USD', 1.5)(1.5)).toBe('$1.50');
  expect(money('USD', 0)(0)).toBe('$0.00');
});

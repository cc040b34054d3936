import { expect, test } from 'vitest';
import type { Column } from '../api/sql';
import { cell, sortOf, wholeValue } from './value';

const c = (name: string, type: string): Column => ({ name, type });

test('types', () => {
  const sorts = ['UInt64', 'Nullable(Float64)', 'LowCardinality(Nullable(String))', "DateTime64(3, 'UTC')", 'Date', 'Nullable(Bool)', 'Map(String, String)', 'Decimal(10, 2)', 'SimpleAggregateFunction(sum, UInt64)'].map((t) => sortOf(c('x', t)));
  expect(sorts).toEqual(['number', 'number', 'text', 'time', 'time', 'bool', 'parts', 'number', 'number']);
});

test('cells', () => {
  expect(cell(1234567, c('n', 'UInt64'))).toBe('1,234,567');
  expect(cell(2026, c('year', 'UInt16'))).toBe('2026');
  expect(cell('18446744073709551615', c('n', 'UInt64'))).toBe('18,446,744,073,709,551,615');
  expect(cell(0.123456789, c('n', 'Float64'))).toBe('0.12345679');
  expect(cell(0.0042, c('n', 'Float64'))).toBe('0.0042');
  expect(cell(1234.56789, c('n', 'Float64'))).toBe('1,234.5679');
  expect(cell(123456789.12, c('n', 'Float64'))).toBe('123,456,789.12');
  expect(cell(2000000000208.8335, c('n', 'Float64'))).toBe('2,000,000,000,208.83');
  expect(cell(123456789.1234, c('n', 'Decimal(18, 4)'))).toBe('123,456,789.1234');
  expect(cell(-0.003, c('n', 'Nullable(Float64)'))).toBe('-0.003');
  expect(cell(1e-9, c('n', 'Float64'))).toBe('1.0000e-9');
  expect(cell(null, c('n', 'Nullable(String)'))).toBe('NULL');
  expect(cell('2026-01-01 00:00:00.000', c('t', 'DateTime64(3)'))).toBe('2026-01-01 00:00:00');
  expect(cell({ a: 1 }, c('m', 'Map(String, Int8)'))).toBe('{"a":1}');
});

test('what is shown in short is told as a whole', () => {
  expect(wholeValue(2000000000208.8335, c('n', 'Float64'))).toBe('2000000000208.8335');
  expect(wholeValue(0.5, c('n', 'Float64'))).toBeUndefined();
  expect(wholeValue(1234567, c('n', 'UInt64'))).toBeUndefined();
});

test('NaN and infinity are not NULL', () => {
  expect(cell(null, c('n', 'Float64'))).toBe('not finite');
  expect(wholeValue(null, c('n', 'Float64'))).toMatch(/^NaN or infinite/);
  expect(cell(null, c('n', 'Nullable(Float64)'))).toBe('NULL');
  expect(wholeValue(null, c('n', 'Nullable(Float64)'))).toBeUndefined();
});

import { expect, test } from 'vitest';
import { parseResult, type Column } from '../../api/sql';
import { cell, compare, drawn, placeIn, plainType, plotOf, sortOf, widths } from './columns';

const c = (name: string, type: string): Column => ({ name, type });

test('types', () => {
  const sorts = ['UInt64', 'Nullable(Float64)', 'LowCardinality(Nullable(String))', "DateTime64(3, 'UTC')", 'Date', 'Nullable(Bool)', 'Map(String, String)', 'Decimal(10, 2)', 'SimpleAggregateFunction(sum, UInt64)'].map((t) => sortOf(c('x', t)));
  expect(sorts).toEqual(['number', 'number', 'text', 'time', 'time', 'bool', 'parts', 'number', 'number']);
});

test('types in a word', () => {
  const said = ["DateTime64(3, 'UTC')", 'LowCardinality(Nullable(String))', 'Map(LowCardinality(String), Nullable(Float64))', 'Array(Tuple(LowCardinality(Nullable(FixedString(2))), DateTime))', 'SimpleAggregateFunction(sum, UInt64)', 'AggregateFunction(uniq, Nullable(UInt64))', 'Decimal(10, 2)'];
  expect(said.map(plainType)).toEqual(['DateTime', 'String?', 'Map(String, Float64?)', 'Array(Tuple(FixedString(2)?, DateTime))', 'UInt64', 'state', 'Decimal(10, 2)']);
});

test('cells', () => {
  expect(cell(1234567, c('n', 'UInt64'))).toBe('1,234,567');
  expect(cell(2026, c('year', 'UInt16'))).toBe('2026');
  expect(cell('18446744073709551615', c('n', 'UInt64'))).toBe('18,446,744,073,709,551,615');
  expect(cell(0.123456789, c('n', 'Float64'))).toBe('0.12345679');
  expect(cell(1e-9, c('n', 'Float64'))).toBe('1.0000e-9');
  expect(cell(null, c('n', 'Nullable(String)'))).toBe('NULL');
  expect(cell('2026-01-01 00:00:00.000', c('t', 'DateTime64(3)'))).toBe('2026-01-01 00:00:00');
  expect(cell({ a: 1 }, c('m', 'Map(String, Int8)'))).toBe('{"a":1}');
  expect(widths([c('path', 'String')], [['x'.repeat(200)]])).toEqual([56]);
});

test('whole numbers that no double holds stay as they were sent', () => {
  const text = '{"meta":[{"name":"n","type":"UInt64"}],"data":[[18446744073709551615],[7],["\\" 18446744073709551615,"],[0.1234567890123456]],"cost":{},"as_of":""}';
  expect(parseResult('', text, false).rows).toEqual([['18446744073709551615'], [7], ['" 18446744073709551615,'], [0.1234567890123456]]);
  expect(() => parseResult('', text.slice(0, 70), false)).toThrow('cut off');
});

test('order', () => {
  const order = (v: unknown[], down: boolean) => [...v].sort((a, b) => compare(a, b, 'number', down));
  expect(order([10, null, 9, '100'], false)).toEqual([9, 10, '100', null]);
  expect(order([10, null, 9, '100'], true)).toEqual(['100', 10, 9, null]);
});

test('charts', () => {
  const day = c('day', 'Date');
  const path = c('path', 'String');
  const n = c('n', 'UInt64');
  expect(plotOf([day, n])).toEqual({ kind: 'line', x: 'day', y: ['n'], split: '' });
  expect(plotOf([path, n])).toEqual({ kind: 'bar', x: 'path', y: ['n'], split: '' });
  expect(plotOf([day, path, n])).toEqual({ kind: 'line', x: 'day', y: ['n'], split: 'path' });
  expect(plotOf([n])).toBeUndefined();
  expect(plotOf([path])).toBeUndefined();
  const rows = [
    ['2026-01-02', '/b', 5],
    ['2026-01-01', '/a', 1],
    ['2026-01-02', '/a', 2],
  ];
  expect(drawn({ kind: 'line', x: 'day', y: ['n'], split: 'path' }, [day, path, n], rows)).toEqual({
    axis: ['2026-01-01', '2026-01-02'],
    series: [
      { name: '/b', values: [null, 5] },
      { name: '/a', values: [1, 2] },
    ],
    left: '',
  });
  const many = Array.from({ length: 60 }, (_, i) => [`/${i}`, i]);
  expect(drawn({ kind: 'bar', x: 'path', y: ['n'], split: '' }, [path, n], many).left).toBe('The first 40 of 60 values of path are drawn.');
});

test('places', () => {
  expect(placeIn('line 2, column 3: there is no column')).toEqual({ line: 2, column: 3 });
  expect(placeIn('syntax error: unexpected token at line 2, column 19')).toEqual({ line: 2, column: 19 });
  expect(placeIn('no place')).toBeUndefined();
});

import { expect, test } from 'vitest';
import { parseResult, type Column } from '../../api/sql';
import { compare, drawn, placeIn, plainType, plotOf, widths } from './columns';

const c = (name: string, type: string): Column => ({ name, type });

test('types in a word', () => {
  const said = ["DateTime64(3, 'UTC')", 'LowCardinality(Nullable(String))', 'Map(LowCardinality(String), Nullable(Float64))', 'Array(Tuple(LowCardinality(Nullable(FixedString(2))), DateTime))', 'SimpleAggregateFunction(sum, UInt64)', 'AggregateFunction(uniq, Nullable(UInt64))', 'Decimal(10, 2)'];
  expect(said.map(plainType)).toEqual(['DateTime', 'String?', 'Map(String, Float64?)', 'Array(Tuple(FixedString(2)?, DateTime))', 'UInt64', 'state', 'Decimal(10, 2)']);
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

test('columns are as wide as they need, within bounds', () => {
  expect(widths([c('path', 'String')], [['x'.repeat(200)]])).toEqual([56]);
});

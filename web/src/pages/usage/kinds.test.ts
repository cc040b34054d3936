import { expect, test } from 'vitest';
import { daysOf, groupOf, spanOf } from './kinds';

const now = new Date('2026-03-02T23:30:00Z');

test('spans are of UTC days', () => {
  expect(spanOf('month', now)).toEqual({ from: '2026-03-01T00:00:00Z' });
  expect(spanOf('last-month', now)).toEqual({ from: '2026-02-01T00:00:00Z', to: '2026-03-01T00:00:00Z' });
  expect(spanOf('7d', now)).toEqual({ from: '2026-02-24T00:00:00Z' });
  expect(spanOf('last-month', new Date('2026-01-31T00:00:00Z')).from).toBe('2025-12-01T00:00:00Z');
  expect(daysOf(spanOf('month', now), now)).toEqual(['2026-03-01', '2026-03-02']);
  expect(daysOf(spanOf('last-month', now), now)).toHaveLength(28);
});

test('a kind that is not known yet has a place', () => {
  expect(groupOf('job')).toBe('SQL');
  expect(groupOf('something')).toBe('Control');
  expect(groupOf(undefined)).toBe('Control');
});

import { expect, test } from 'vitest';
import { metric, unitOf } from './metrics';
import { byName, country, value } from './names';
import { bytes, change, compact, counted, duration, exact, percent, plural, show, signed } from './numbers';
import { listed } from './row';
import { ago, axis, clock, dayLong, interval, moment } from './time';

test('numbers', () => {
  expect([0, 999, 9999, 10_000, 12_345, 1_234_567, 9_990_000_000].map(compact)).toEqual(['0', '999', '9,999', '10K', '12.3K', '1.2M', '10B']);
  expect([null, undefined, Number.NaN, Number.POSITIVE_INFINITY].map(compact)).toEqual(['–', '–', '–', '–']);
  expect(exact(1234567)).toBe('1,234,567');
  expect(exact(1.2345)).toBe('1.23');
  expect([0, 0.5, 0.1234, 0.00001, 1, 12.5].map((n) => percent(n))).toEqual(['0%', '50.0%', '12.3%', '<0.1%', '100%', '1250%']);
  expect([0, 0.25, 59, 95, 3600, 90_000].map(duration)).toEqual(['0s', '250ms', '59s', '1m 35s', '1h 00m', '1d 1h']);
  expect([0, 999, 1000, 1536, 999_600, 2.5e9].map(bytes)).toEqual(['0 B', '999 B', '1.0 KB', '1.5 KB', '1.0 MB', '2.5 GB']);
  expect(show(0.421, 'ratio')).toBe('42.1%');
  expect(show(1.5, 'decimal')).toBe('1.50');
  expect(show(1234567, 'count', true)).toBe('1,234,567');
});

test('one is one, and all others are many', () => {
  expect([0, 1, 2, 1234, undefined].map((n) => counted(n, 'view'))).toEqual(['0 views', '1 view', '2 views', '1,234 views', '– views']);
  expect([counted(1, 'person', 'people'), counted(3, 'property', 'properties'), counted(1.5, 'event')]).toEqual(['1 person', '3 properties', '1.5 events']);
  expect([plural(1, 'waits', 'wait'), plural(2, 'waits', 'wait')]).toEqual(['waits', 'wait']);
  expect([show(0.001, 'money'), show(12.345, 'money'), show(12_345, 'money'), show(12_345.5, 'money', true)]).toEqual(['< 0.01', '12.35', '12.3K', '12,345.5']);
});

test('changes', () => {
  expect(change(12, 10)).toBeCloseTo(0.2);
  expect(change(12, 0)).toBeUndefined();
  expect(change(undefined, 3)).toBeUndefined();
  expect([0.2, -0.034, 0, 0.0001, 15].map(signed)).toEqual(['+20%', '−3.4%', '0%', '0%', '+1,500%']);
});

test('times are those of the zone, days have none', () => {
  expect(clock('2026-03-01T23:30:00Z', 'Europe/Berlin')).toBe('00:30');
  expect(dayLong('2026-03-01', 'America/New_York')).toBe('Sun 1 Mar 2026');
  expect(moment('2026-03-01T23:30:05Z', 'UTC')).toBe('1 Mar 2026, 23:30:05');
  expect(axis('2026-03-01', 'day', 'America/New_York')).toBe('1 Mar');
  expect(axis('2026-03-01T05:00:00-05:00', 'hour', 'America/New_York')).toBe('05:00');
  expect(interval('2026-03-01', 'week', 'UTC')).toBe('Week of Sun 1 Mar 2026');
  expect(clock('nonsense', 'UTC')).toBe('nonsense');
  const now = new Date('2026-03-01T12:00:00Z');
  expect([ago('2025-12-31T02:00:00Z', 'UTC', now), ago('2025-12-31T23:30:00Z', 'Europe/Berlin', now)]).toEqual(['31 Dec 2025', '1 Jan']);
  expect(['2026-03-01T11:59:59Z', '2026-03-01T11:59:30Z', '2026-03-01T11:00:30Z', '2026-03-01T02:00:00Z', '2026-02-01T02:00:00Z'].map((t) => ago(t, 'UTC', now))).toEqual([
    'just now', '30 s ago', '59 min ago', '10 h ago', '1 Feb',
  ]);
});

test('names', () => {
  expect(country('DE')).toBe('Germany');
  expect([country(''), country('xx'), country('1234')]).toEqual(['Unknown', 'xx', '1234']);
  expect(value('channel', '')).toBe('None');
  expect(value('referrer_host', '')).toBe('Direct or none');
  expect(value('path', '/a')).toBe('/a');
  expect([{ name: 'Site 10' }, { name: 'site 9' }, { name: 'Ärzte' }, { name: 'Blog' }].sort(byName).map((s) => s.name)).toEqual(['Ärzte', 'Blog', 'site 9', 'Site 10']);
});

test('rows with none of what is counted are not listed; a mean of 0 is', () => {
  const rows = [{ path: '/a', pageviews: 3, visitors: 0 }, { path: '', pageviews: 0, visitors: 0 }, { path: '/b', pageviews: '2' }, { path: '/c' }];
  expect(listed(rows, [metric('pageviews')]).map((r) => r.path)).toEqual(['/a', '/b']);
  expect(listed(rows, [metric('visitors'), metric('pageviews')]).map((r) => r.path)).toEqual(['/a', '/b']);
  expect(listed(rows, [metric('pageviews'), metric('bounce_rate')])).toHaveLength(4);
  expect([unitOf(metric('users')), unitOf(metric('entries')).one]).toEqual([{ one: 'person', many: 'people' }, 'entry']);
});

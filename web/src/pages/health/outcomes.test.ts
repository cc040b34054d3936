import { expect, test } from 'vitest';
import type { HealthHour } from '../../api/health';
import { buckets } from './outcomes';

const at = (hour: string) => ({ hour, received: 1, stored: 1, deduplicated: 0, rejected: 0, filtered: 0, quarantined: 0, erased: 0, pending: 0, late: 0, conflicts: 0 }) as HealthHour;
const now = Date.parse('2026-11-20T00:00:00Z');

test('days are those of the zone after clocks change', () => {
  // in Berlin 25 October has 25 hours
  const { rows, daily } = buckets([at('2026-10-25T22:00:00Z'), at('2026-10-25T23:00:00Z'), at('2026-10-30T22:00:00Z')], '2026-10-20T00:00:00+02:00', '2026-10-31T00:00:00+01:00', 'Europe/Berlin', now);
  expect(daily).toBe(true);
  expect(rows).toHaveLength(11);
  expect(rows.map((r) => r.start.slice(11, 13))).toEqual(['22', '22', '22', '22', '22', '22', '23', '23', '23', '23', '23']);
  expect(rows.map((r) => r.counts.received)).toEqual([0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1]);
});

test('few days are shown by the hour, none left out', () => {
  const { rows, daily } = buckets([at('2026-10-25T01:00:00Z'), at('2026-10-24T21:00:00Z')], '2026-10-25T00:00:00+02:00', '2026-10-26T00:00:00+01:00', 'Europe/Berlin', now);
  expect([daily, rows.length]).toEqual([false, 25]);
  expect(rows.findIndex((r) => r.counts.received > 0)).toBe(3);
});

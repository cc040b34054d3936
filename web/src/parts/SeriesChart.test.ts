import { init } from 'echarts';
import { beforeAll, expect, test, vi } from 'vitest';
import { metric } from '../format/metrics';

let option: typeof import('./SeriesChart').seriesOption;
let beginsWithin: typeof import('./SeriesChart').beginsWithin;
beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener() {}, removeEventListener() {} }));
  ({ seriesOption: option, beginsWithin } = await import('./SeriesChart'));
});

/** The labels of the axis as ECharts draws them, from below. */
function drawn(values: number[], before?: number[]) {
  const rows = (list: number[]) => list.map((revenue, i) => ({ time: `2026-11-0${i + 1}T00:00:00Z`, revenue }));
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 600, height: 280 });
  chart.setOption({ animation: false, ...option({ rows: rows(values), before: before && rows(before), metric: { ...metric('revenue'), currency: 'USD' }, interval: 'day', zone: 'UTC', open: false, height: 280 }, () => '#123456') });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return [...svg.matchAll(/>(-?\$[\d.,]+K?)</g)].map((m) => m[1]!);
}

test('an axis begins at zero', () => {
  expect(drawn([10, 40, 25])[0]).toBe('$0');
});

test('refunds are below zero, now or in the time before', () => {
  for (const labels of [drawn([10, -45.5, 25]), drawn([10, 20, 25], [-45.5, 3, 4]), drawn([-45.5, -40, -41])]) {
    expect(labels[0]).toMatch(/^-\$(5|6)0$/);
    expect(labels).toContain('$0');
  }
});

test('an axis of shares has no digits that say nothing', () => {
  const { yAxis } = option({ rows: [{ time: '2026-11-01', bounce_rate: 0.4 }], metric: metric('bounce_rate'), interval: 'day', zone: 'UTC', open: false, height: 280 }, () => '#123456');
  expect([0, 0.2, 0.125, 1].map(yAxis.axisLabel.formatter)).toEqual(['0%', '20%', '12.5%', '100%']);
});

test('a first interval of which the range has a part is drawn as what is not whole', () => {
  const rows = [2, 132, 135, 121].map((visitors, i) => ({ time: `2026-11-2${i}`, visitors, settling: i === 3 }));
  const of = (from: string) => option({ rows, from, metric: metric('visitors'), interval: 'day', zone: 'Europe/Berlin', open: true, height: 280 }, () => '#123456');
  const lines = (from: string) => of(from).series.map((s) => s.data);
  expect(lines('2026-11-20T20:14:00+01:00')).toEqual([[null, 132, 135, null], [2, 132, 135, 121]]);
  expect(lines('2026-11-20T00:00:00+01:00')).toEqual([[2, 132, 135, null], [null, null, 135, 121]]);
  expect(of('2026-11-20T20:14:00+01:00').tooltip.formatter([{ dataIndex: 0 }])).toContain('Only from 20:14 on');
  expect(of('2026-11-20T20:14:00+01:00').tooltip.formatter([{ dataIndex: 1 }])).not.toContain('Only from');
  const hours = [{ time: '2026-11-20T20:00:00+01:00' }];
  expect([beginsWithin(hours, '2026-11-20T20:14:00+01:00'), beginsWithin(hours, '2026-11-20T20:00:00+01:00'), beginsWithin(hours, undefined), beginsWithin([], '2026-11-20T20:00:00+01:00')]).toEqual([true, false, false, false]);
  expect(beginsWithin([{ time: '2026-11-16' }], '2026-11-18T00:00:00+01:00')).toBe(true); // a week
});

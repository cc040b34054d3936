import { init } from 'echarts';
import { beforeAll, expect, test, vi } from 'vitest';
import { metric } from '../format/metrics';

let option: typeof import('./SeriesChart').seriesOption;
beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener() {}, removeEventListener() {} }));
  option = (await import('./SeriesChart')).seriesOption;
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

import { init } from 'echarts';
import { beforeAll, expect, test, vi } from 'vitest';
import { metric } from '../format/metrics';
import { atAxis, show } from '../format/numbers';

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

test('no two labels of an axis read alike, however small the values are', () => {
  for (const [id, currency] of [['views_per_session'], ['bounce_rate'], ['session_duration'], ['revenue', 'EUR'], ['revenue', 'JPY'], ['revenue'], ['value']] as [string, string?][])
    for (const most of [0.0000004, 0.0003, 0.012, 0.04, 0.25, 1.3, 5, 47, 130, 4000, 88_000, 2_100_000]) {
      const { yAxis } = option({ rows: [{ time: '2026-11-01', [id]: most }], metric: { ...metric(id), currency }, interval: 'day', zone: 'UTC', open: false, height: 280 }, () => '#123456');
      for (const step of [most / 2, most / 3, most / 4, most / 5].map((s) => Number(s.toPrecision(1)))) {
        const labels = [0, 1, 2, 3, 4, 5].map((i) => yAxis.axisLabel.formatter(i * step));
        expect(new Set(labels).size, `${id} ${currency}: ${labels}`).toBe(labels.length);
      }
    }
});

test('what a small value is called beside its axis, too', () => {
  expect([0, 0.0041, 0.0123, 0.05, 0.1234, 3.5].map((v) => show(v, 'decimal'))).toEqual(['0.00', '0.0041', '0.012', '0.05', '0.12', '3.50']);
});

test('labels have the digits of their steps', () => {
  expect([0, 0.005, 0.01, 0.1 + 0.2].map((v) => atAxis(v, 'decimal'))).toEqual(['0', '0.005', '0.01', '0.3']);
  expect([0, 0.0005, 0.3].map((v) => atAxis(v, 'ratio'))).toEqual(['0%', '0.05%', '30%']);
  expect([0, 0.0005, 0.25, 1.5, 90].map((v) => atAxis(v, 'seconds'))).toEqual(['0s', '0.5ms', '250ms', '1.5s', '1m 30s']);
  expect([0, 0.005, 2.5, 40].map((v) => atAxis(v, 'money', 'EUR'))).toEqual(['€0', '€0.005', '€2.50', '€40']);
  expect([0, 0.5, 20_000].map((v) => atAxis(v, 'money'))).toEqual(['0', '0.5', '20K']);
  expect([0, 500, 12_000, 1e-7, 3e6].map((v) => atAxis(v, 'count'))).toEqual(['0', '500', '12K', '1e-7', '3M']);
  expect([0, 0.5, 5000].map((v) => atAxis(v, 'bytes'))).toEqual(['0 B', '0.5 B', '5.0 KB']);
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

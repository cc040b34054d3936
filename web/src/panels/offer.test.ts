import { expect, test } from 'vitest';
import { presets } from '../state/range';
import { parseView } from '../state/url';
import { appended, firstRange, fixed, keptDays, panelOf, type Offer } from './offer';
import { metricsOf, rangeOf } from './panel';

const line: Offer['choices'][number] = { kind: 'line', label: 'Line', question: { metric: ['visitors'], compare: 'previous' } };

test('a panel has the filters, the segment and a range of the view', () => {
  const v = parseView('?range=month&f=country:DE&f=!path:~/a&segment=s1');
  expect(firstRange(v)).toBe('today-29d');
  expect(keptDays(v, 'UTC')).toBeUndefined();
  expect(panelOf(line, 'Seen', 'web', v, 'UTC', 'today-364d')).toEqual({
    title: 'Seen', kind: 'line', site_id: 'web',
    question: { metric: ['visitors'], compare: 'previous', from: 'today-364d', interval: 'week', filter: ['country:DE', '!path:~/a'], segment: 's1' },
  });
});

test('each preset has the length of time that comes nearest', () => {
  expect(presets.map((p) => firstRange(parseView(`?range=${p}`)))).toEqual(['today', '24h', '24h', 'today-6d', 'today-29d', 'today-89d', 'today-29d', 'today-29d', 'today-364d', 'today-364d']);
});

test('so many days up to today stay so many', () => {
  const v = parseView('?range=14d');
  expect([firstRange(v), keptDays(v, 'UTC')]).toEqual(['today-13d', undefined]);
  const of = (range: string) => panelOf(line, 'Seen', 'web', v, 'UTC', range).question;
  expect(rangeOf(of(firstRange(v)))).toBe('Last 14 days');
  expect(['today', 'today-13d', 'today-119d', 'today-120d', 'today-999d'].map((r) => of(r).interval)).toEqual(['hour', 'day', 'day', 'week', 'month']);
});

test('a range of the panel holds, whatever days the view has; without a range it has none', () => {
  const v = parseView('?range=2026-01-01~2026-03-31&f=country:DE');
  expect(panelOf(line, 'Seen', 'web', v, 'UTC', '90d').question).toMatchObject({ from: '90d', interval: 'day' });
  expect(panelOf(line, 'Seen', 'web', v, 'UTC', '90d').question).not.toHaveProperty('to');
  expect(panelOf(line, 'Seen', 'web', v, 'UTC', fixed).question).toMatchObject({ from: '2026-01-01', to: '2026-03-31', interval: 'day' });
  expect(panelOf(line, 'Seen', 'web', parseView('?range=2026-01-01~2026-01-02'), 'UTC', fixed).question).toMatchObject({ interval: 'hour' });
  const cohorts = panelOf({ ...line, kind: 'retention', question: { period: 'week', filter: ['type:x'] } }, 'Back', 'web', v, 'UTC', undefined);
  expect(cohorts.question).toEqual({ period: 'week', filter: ['country:DE', 'type:x'] });
  expect(cohorts.question).not.toHaveProperty('from');
});

test('days that are over can be kept; a filter of the offer stands beside those of the view', () => {
  const v = parseView('?range=2026-01-01~2026-01-31');
  expect([firstRange(v), keptDays(v, 'UTC')]).toEqual([fixed, { from: '2026-01-01', to: '2026-01-31' }]);
  const money = panelOf({ ...line, kind: 'tile', question: { metric: ['revenue'], filter: ['props.currency:EUR|eur'] } }, 'Money', 'web', v, 'UTC', fixed);
  expect(money.question).toEqual({ metric: ['revenue'], from: '2026-01-01', to: '2026-01-31', filter: ['props.currency:EUR|eur'] });
  expect(metricsOf(money.question)[0]?.currency).toBe('EUR');
  expect(panelOf(line, '', 'web', parseView(''), 'UTC', '7d').question.filter).toBeUndefined();
});

test('a new panel lies beside the last ones, or below them', () => {
  const at = (x: number, y: number, w: number, h: number) => ({ kind: 'x', question: {}, x, y, w, h });
  const place = (...panels: ReturnType<typeof at>[]) => {
    const { x, y, w, h } = appended(panels, { kind: 'bar', question: {} }).at(-1)!;
    return [x, y, w, h];
  };
  expect(place()).toEqual([0, 0, 4, 6]);
  expect(place(at(0, 0, 3, 2), at(3, 0, 6, 5))).toEqual([0, 5, 4, 6]);
  expect(place(at(0, 0, 12, 5), at(0, 5, 6, 5))).toEqual([6, 5, 6, 5]); // as tall as what is beside it, and up to the edge where nothing else has room
  expect(place(at(0, 0, 12, 5), at(0, 5, 10, 5))).toEqual([0, 10, 4, 6]);
  expect(place(at(0, 0, 8, 4))).toEqual([8, 0, 4, 6]); // up to the last column
  expect(place(at(4, 0, 8, 5))).toEqual([0, 0, 4, 5]); // up to what begins right of it
  expect(place(at(0, 0, 3, 6), at(0, 6, 12, 5))).toEqual([0, 11, 4, 6]); // not into a gap of a row that is not the last
  expect(place(at(0, 0, 8, 6), at(8, 2, 4, 4))).toEqual([0, 6, 4, 6]);
});

test('a funnel is as tall as its steps, up to what other panels are', () => {
  const steps = (n: number, more = {}) => appended([], { kind: 'funnel', question: { steps: Array.from({ length: n }, () => ({ type: 'pageview' })), ...more } }).at(-1)!.h;
  expect([steps(2), steps(3), steps(5), steps(20), steps(2, { breakdown: 'country' })]).toEqual([3, 4, 5, 6, 6]);
});

test('ranges of panels in words', () => {
  expect([{}, { from: 'today-29d' }, { from: 'today' }, { from: 'today-13d' }, { from: '14d' }, { from: '1h' }, { from: '12w' }, { from: '7d', to: '7d' }, { from: '2026-01-01' }, { from: '2026-01-01', to: '2026-01-31' }].map((q) => rangeOf(q))).toEqual([
    '7 days back from now', 'Last 30 days', 'Today', 'Last 14 days', '14 days back from now', 'Last 1 hour', 'Last 12 weeks', '7d before 7d', 'Since 1 Jan 2026', '1 Jan 2026 to 31 Jan 2026',
  ]);
  expect([{}, { period: 'day', periods: 15 }, { from: '1m' }, { from: '2d' }, { from: '90d' }, { from: 'today-89d' }, { from: '2026-01-01' }, { from: '2026-01-01', to: '2026-01-31' }].map((q) => rangeOf(q, 'retention'))).toEqual([
    'Last 12 weeks', 'Last 15 days', 'Today', 'Last 3 days', 'Last 91 days', 'Last 90 days', 'Since 1 Jan 2026', '1 Jan 2026 to 31 Jan 2026',
  ]);
});

import { expect, test } from 'vitest';
import { parseView } from '../state/url';
import { appended, firstRange, fixed, keptDays, panelOf, type Offer } from './offer';
import { metricsOf } from './panel';

const line: Offer['choices'][number] = { kind: 'line', label: 'Line', question: { metric: ['visitors'], compare: 'previous' } };

test('a panel has the filters, the segment and a range of the view', () => {
  const v = parseView('?range=month&f=country:DE&f=!path:~/a&segment=s1');
  expect(firstRange(v)).toBe('30d');
  expect(keptDays(v, 'UTC')).toBeUndefined();
  expect(panelOf(line, 'Seen', 'web', v, 'UTC', '365d')).toEqual({
    title: 'Seen', kind: 'line', site_id: 'web',
    question: { metric: ['visitors'], compare: 'previous', from: '365d', interval: 'week', filter: ['country:DE', '!path:~/a'], segment: 's1' },
  });
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
  expect(place(at(0, 0, 12, 5), at(0, 5, 6, 5))).toEqual([6, 5, 4, 6]);
  expect(place(at(0, 0, 12, 5), at(0, 5, 10, 5))).toEqual([0, 10, 4, 6]);
});

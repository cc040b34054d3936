import { expect, test } from 'vitest';
import { parseView } from '../state/url';
import { below, firstRange, fixed, keptDays, panelOf, type Offer } from './offer';
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

test('a new panel lies below the others', () => {
  const old = [{ kind: 'tile', question: {}, x: 0, y: 0, w: 3, h: 2 }, { kind: 'line', question: {}, x: 3, y: 0, w: 6, h: 5 }];
  expect(below(old, { kind: 'bar', question: {} }).at(-1)).toMatchObject({ x: 0, y: 5, w: 4, h: 6 });
  expect(below([], { kind: 'bar', question: {} })[0]).toMatchObject({ y: 0 });
});

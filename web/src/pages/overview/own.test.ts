import { expect, test } from 'vitest';
import { parseFilter, type Filter } from '../../state/filters';
import { foreign, notOwn, ownOf } from './own';

const views = (n: Record<string, number>) => Object.entries(n).map(([host, pageviews]) => ({ host, pageviews }));
const from = (...hosts: string[]) => hosts.map((referrer_host) => ({ referrer_host, sessions: 1 }));
const filters = (...texts: string[]): Filter[] => texts.map((t) => parseFilter(t)!);

test('own hosts have page views, and not just a few: copies of pages elsewhere make no referrer the own', () => {
  expect(ownOf(views({ 'www.shop.example': 900, 'docs.shop.example': 91, 'shop-example.translate.goog': 9, '': 50 }))).toEqual(new Set(['shop.example', 'docs.shop.example']));
  expect(ownOf(views({ '': 50 }))).toEqual(new Set());
  expect(ownOf(views({ 'shop.example': 0 }))).toEqual(new Set());
  expect(ownOf([])).toEqual(new Set());
});

test('a list of referrers has none of the own hosts, with www. or without', () => {
  const own = new Set(['shop.example']);
  expect(foreign(from('', 'www.shop.example', 'www.google.com', 'shop.example', 'blog.shop.example'), own, filters('country:DE', '!referrer_host:x'))).toEqual(from('', 'www.google.com', 'blog.shop.example'));
  expect(foreign(from('', 'x.example'), new Set(), [])).toEqual(from('', 'x.example'));
});

test('who filters by own hosts sees them', () => {
  for (const f of ['referrer_host:shop.example', 'referrer_host:~shop']) expect(foreign(from('shop.example'), new Set(['shop.example']), filters(f))).toEqual(from('shop.example'));
});

test('a panel leaves them out by a filter', () => {
  expect(notOwn(new Set(['shop.example', 'b.example']))).toEqual(filters('!referrer_host:shop.example|www.shop.example|b.example|www.b.example'));
  expect(notOwn(new Set())).toEqual([]);
});

import { describe, expect, test } from 'vitest';
import { parseFilter, toggle, writeFilter, type Filter } from './filters';
import { addDays, asked, askedBefore, daysOf, intervals, isDay, lengthOf, readRange, today, writeRange } from './range';
import { carried, faultsOf, isRanged, parseView, without, writeView } from './url';

const f = (dim: string, values: string[], more: Partial<Filter> = {}): Filter => ({ dim, values, not: false, contains: false, ...more });

describe('filters', () => {
  test.each<[Filter, string]>([
    [f('country', ['DE']), 'country:DE'],
    [f('country', ['DE', 'AT'], { not: true }), '!country:DE|AT'],
    [f('path', ['/a'], { contains: true }), 'path:~/a'],
    [f('props.plan', ['a|b', 'c\\d']), 'props.plan:a\\|b|c\\\\d'],
    [f('props.a:b', ['c:d']), 'props.a\\:b:c:d'],
    [f('props.\\:', [':'], { not: true }), '!props.\\\\\\:::'],
    [f('path', ['~x', '~y']), 'path:\\~x|~y'],
    [f('path', ['!x']), 'path:\\!x'],
    [f('referrer_host', ['']), 'referrer_host:'],
    [f('url', ['http://x/?a:b']), 'url:http://x/?a:b'],
  ])('%j is %s', (filter, text) => {
    expect(writeFilter(filter)).toBe(text);
    expect(parseFilter(text)).toEqual(filter);
  });
  test('what is no filter', () => {
    for (const text of ['', 'country', ':DE', '!', 'props.a\\:b']) expect(parseFilter(text)).toBeUndefined();
  });
  test('toggle', () => {
    const one = toggle([], 'country', 'DE');
    const two = toggle(one, 'country', 'AT');
    expect(two).toEqual([f('country', ['DE', 'AT'])]);
    expect(toggle(toggle(two, 'country', 'DE'), 'country', 'AT')).toEqual([]);
    expect(toggle([f('country', ['DE'], { not: true })], 'country', 'DE')).toHaveLength(2);
  });
});

describe('a chosen range', () => {
  test('that is the default one stays in the address once it is there', () => {
    expect(writeView('', parseView('?range=7d&f=country:DE'))).toBe('range=7d&f=country%3ADE');
    expect(writeView('', parseView('?f=country:DE'))).toBe('f=country%3ADE');
    expect([isRanged(parseView('?range=7d')), isRanged(parseView('?range=30d')), isRanged(parseView('?range=x')), isRanged(parseView(''))]).toEqual([true, true, false, false]);
    expect(faultsOf('?range=x', ['periods'])).toEqual([{ name: 'range', text: 'x', instead: 'the last periods' }]);
  });
});

describe('range', () => {
  const now = new Date('2026-03-01T23:30:00Z'); // the second of March in Berlin
  test('texts', () => {
    for (const text of ['30d', '14d', '9999d', '2026-01-01~2026-01-31']) expect(writeRange(readRange(text)!)).toBe(text);
    expect(writeRange(readRange('2026-02-01~2026-01-01')!)).toBe('2026-01-01~2026-02-01');
    expect(readRange('90d')).toEqual({ preset: '90d' });
    for (const text of ['', 'x', '0d', '014d', '-1d', '1.5d', '10000d', '14D', '2026-02-30~2026-03-01', '2026-01-01', 'a~b~c', null]) expect(readRange(text)).toBeUndefined();
    expect(parseView('?range=x').range).toEqual({ preset: '7d' });
    expect(isDay('2026-02-29')).toBe(false);
    expect(isDay('2028-02-29')).toBe(true);
  });
  test('days are those of the zone', () => {
    expect(today('UTC', now)).toBe('2026-03-01');
    expect(today('Europe/Berlin', now)).toBe('2026-03-02');
    expect(addDays('2026-03-01', -1)).toBe('2026-02-28');
    expect(daysOf({ preset: '7d' }, 'Europe/Berlin', now)).toEqual({ from: '2026-02-24', to: '2026-03-02' });
    expect(daysOf({ preset: 'last-month' }, 'Europe/Berlin', now)).toEqual({ from: '2026-02-01', to: '2026-02-28' });
    expect(daysOf({ preset: '12mo' }, 'UTC', now).from).toBe('2025-04-01');
    expect(lengthOf({ preset: '30d' }, 'UTC', now)).toBe(30);
    expect(daysOf({ last: 14 }, 'Europe/Berlin', now)).toEqual({ from: '2026-02-17', to: '2026-03-02' });
    expect(daysOf({ last: 7 }, 'UTC', now)).toEqual(daysOf({ preset: '7d' }, 'UTC', now));
  });
  test('questions', () => {
    expect(asked({ preset: '7d' }, 'UTC', now)).toEqual({ from: '2026-02-23' });
    expect(asked({ preset: 'yesterday' }, 'UTC', now)).toEqual({ from: '2026-02-28', to: '2026-02-28' });
    expect(asked({ preset: '24h' }, 'UTC', now)).toEqual({ from: '24h' });
    expect(askedBefore({ preset: 'today' }, 'Europe/Berlin', now)).toEqual({ from: '2026-03-01', to: '1d' });
    expect(askedBefore({ preset: '7d' }, 'UTC', now)).toEqual({ from: '2026-02-16', to: '7d' });
    expect(asked({ last: 14 }, 'UTC', now)).toEqual({ from: '2026-02-16' });
    expect(askedBefore({ last: 14 }, 'UTC', now)).toEqual({ from: '2026-02-02', to: '14d' });
    expect(askedBefore({ last: 9999 }, 'UTC', now).from >= '1971-01-01').toBe(true);
    expect(askedBefore({ preset: 'yesterday' }, 'UTC', now)).toEqual({ from: '2026-02-27', to: '2026-02-27' });
    expect(askedBefore({ preset: '24h' }, 'UTC', now)).toEqual({ from: '24h', to: '24h' });
    expect(askedBefore({ from: '2026-01-01', to: '2026-01-31' }, 'UTC', now)).toEqual({ from: '2025-12-01', to: '2025-12-31' });
    // Over a change of the clock the same time of the day is an hour further, or less far: Berlin's of 29 March and 25 October 2026, and half an hour on Lord Howe.
    expect(askedBefore({ preset: '7d' }, 'Europe/Berlin', new Date('2026-03-31T10:00:00Z')).to).toBe('167h');
    expect(askedBefore({ preset: '7d' }, 'Europe/Berlin', new Date('2026-10-27T10:00:00Z')).to).toBe('169h');
    expect(askedBefore({ preset: '7d' }, 'Europe/Berlin', new Date('2026-11-10T10:00:00Z')).to).toBe('7d');
    expect(askedBefore({ preset: '30d' }, 'Australia/Lord_Howe', new Date('2026-10-10T10:00:00Z')).to).toBe('43170m');
    expect(askedBefore({ preset: '90d' }, 'Australia/Lord_Howe', new Date('2026-10-10T10:00:00Z')).to).toBe('90d');
    expect(askedBefore({ preset: '90d' }, 'America/New_York', new Date('2026-04-10T03:59:00Z')).to).toBe('2159h');
    expect(intervals({ preset: 'today' }, 'UTC', now)[0]).toBe('hour');
    expect(intervals({ preset: '90d' }, 'UTC', now)[0]).toBe('day');
    expect(intervals({ preset: '12mo' }, 'UTC', now)[0]).toBe('week');
  });
});

describe('address', () => {
  test('there and back, other parameters stay', () => {
    const search = 'metric=pageviews&range=30d&compare=1&f=country%3ADE%7CAT&f=%21path%3A%7E%2Fa%26b&segment=s1';
    const v = parseView(search);
    expect(v).toEqual({ range: { preset: '30d' }, compare: true, segment: 's1', filters: [f('country', ['DE', 'AT']), f('path', ['/a&b'], { not: true, contains: true })] });
    expect(parseView(writeView(search, v))).toEqual(v);
    expect(new URLSearchParams(writeView(search, v)).get('metric')).toBe('pageviews');
    expect(carried(search)).not.toContain('metric');
  });
  test('the default view is not written', () => {
    expect(writeView('', parseView(''))).toBe('');
    expect(carried('metric=visitors')).toBe('');
  });
});

describe('what of an address is not understood', () => {
  const all = ['range', 'compare', 'filters'] as const;
  const names = (search: string, reads: readonly ('range' | 'compare' | 'filters')[] = all) => faultsOf(search, reads).map((f) => `${f.name}=${f.text}`);
  test('each part that is broken, and none that is not', () => {
    expect(names('?range=30d&compare=1&f=country:DE&f=path:&segment=s&metric=x')).toEqual([]);
    expect(names('')).toEqual([]);
    expect(names('?range=99x&compare=yes&f=country&f=country:DE&filters=a:b')).toEqual(['range=99x', 'compare=yes', 'f=country', 'filters=a:b']);
    expect(names('?range=2026-02-30~2026-03-01&range=')).toEqual(['range=2026-02-30~2026-03-01', 'range=']);
    expect(faultsOf('?range=x', all)[0]?.instead).toBe('last 7 days');
  });
  test('only parts that the page reads', () => {
    expect(names('?range=x&f=x&compare=x', ['range'])).toEqual(['range=x']);
    expect(names('?range=x&f=x&compare=x', [])).toEqual([]);
  });
  test('they can be taken out, and the rest stays', () => {
    const search = '?range=x&f=country&f=country:DE&by=day';
    expect(without(search, faultsOf(search, all))).toBe('?f=country%3ADE&by=day');
    expect(without('?range=x', faultsOf('?range=x', all))).toBe('');
  });
});

import { describe, expect, test } from 'vitest';
import { backoff, readStream } from '../../api/live';
import { byPath, gather, inOrder, type Recent } from './calm';

const e = (ts: string, path = '/'): Recent => ({ ts, type: 'pageview', path, country: null, device: null });

test('pages of several hosts are one, the most views first', () => {
  const views = [{ path: '/a', views: 5 }, { path: '/b', views: 4 }, { path: '/c', views: 3 }, { path: '/b', views: 3 }];
  expect(byPath(views).map((p) => [p.path, p.views])).toEqual([['/b', 7], ['/a', 5], ['/c', 3]]);
});

describe('the stream of events', () => {
  test('what comes goes before what was there, once', () => {
    const one = gather([], [e('3'), e('2'), e('2'), e('1')], 10);
    expect(new Set(one.events.map((x) => x.key)).size).toBe(4);
    const two = gather(one.events, [e('4'), e('3'), e('2'), e('2')], 10);
    expect(two.events.map((x) => x.ts)).toEqual(['4', '3', '2', '2', '1']);
    expect(two.events.slice(1).map((x) => x.key)).toEqual(one.events.map((x) => x.key));
    expect(gather(two.events, [e('2', '/late')], 3).events).toHaveLength(2); // late: the state is what counts from its oldest on
    expect(gather(two.events, [], 10).events).toHaveLength(5);
  });
  test('it says when events were in no state', () => {
    const full = (from: number) => Array.from({ length: 20 }, (_, i) => e(String(from - i)));
    const one = gather([], full(130), 100);
    expect(one.missed).toBe(false);
    expect(gather(one.events, full(140), 100).missed).toBe(false);
    expect(gather(one.events, full(190), 100).missed).toBe(true);
  });
  test('equal events that fall out of a state keep their keys', () => {
    const many = (n: number, ts: string, path?: string) => Array.from({ length: n }, () => e(ts, path));
    const one = gather([], many(20, '1'), 100);
    const top = one.events[0]?.key;
    const two = gather(one.events, [...many(10, '2'), ...many(10, '1')], 100);
    expect(two.events.findIndex((x) => x.key === top)).toBe(10);
    expect(two.events).toHaveLength(30);
    expect(new Set(two.events.map((x) => x.key)).size).toBe(30);
    const three = gather(two.events, [...many(12, '2'), ...many(8, '1')], 25); // and of what was cut off at the end
    expect(three.events.findIndex((x) => x.key === top)).toBe(12);
    const four = gather(three.events, [...many(8, '2', '/b'), ...many(12, '2')], 100); // all of the first moment are out
    expect(four.events.findIndex((x) => x.key === top)).toBe(20);
    const five = gather(four.events, [...many(15, '3'), ...many(5, '2', '/b')], 100); // others of the oldest moment stay as well
    expect(five.events.findIndex((x) => x.key === top)).toBe(35);
    expect(new Set(five.events.map((x) => x.key)).size).toBe(five.events.length);
  });
  test('rows keep their places, new ones are behind', () => {
    expect(inOrder([{ key: 'c' }, { key: 'a' }, { key: 'b' }], ['a', 'x', 'b']).map((r) => r.key)).toEqual(['a', 'b', 'c']);
  });
});

test('a stream in pieces', async () => {
  const text = 'retry: 2000\n: hello\n\nevent: live\ndata: {"a":"ü"}\n\nevent: live\ndata: {"a":2}\n\nevent: prob';
  const bytes = new TextEncoder().encode(text);
  const got: string[] = [];
  let life = 0;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(c) {
      for (let i = 0; i < bytes.length; i += 7) c.enqueue(bytes.slice(i, i + 7));
      c.close();
    },
  });
  await readStream(new Response(body), { event: (name, data) => got.push(`${name} ${data}`), alive: () => life++ });
  expect(got).toEqual(['live {"a":"ü"}', 'live {"a":2}']);
  expect(life).toBeGreaterThan(5);
});

test('waiting grows to a minute', () => {
  expect(backoff(1, 0.5)).toBe(1000);
  expect(backoff(4, 0.5)).toBe(8000);
  expect(backoff(30, 0.5)).toBe(60_000);
  expect(backoff(3, 0)).toBeLessThan(backoff(3, 1));
});

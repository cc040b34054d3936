import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pause, Reach, type State } from './reach';

beforeEach(() => {
  vi.useFakeTimers();
  for (const name of ['document', 'globalThis']) vi.stubGlobal(name === 'document' ? name : 'addEventListener', name === 'document' ? new EventTarget() : () => undefined);
  vi.stubGlobal('removeEventListener', () => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A reach whose server is as `server` says, and how often it was asked. */
function watched(hidden = () => false) {
  const server = { is: 'reached' as State, asked: 0, back: 0 };
  const reach = new Reach(async () => (server.asked++, server.is), hidden);
  const stop = reach.watch(() => server.back++);
  return { server, reach, stop };
}

test('a page that is looked at notices within seconds that nobody answers, and that the server is back', async () => {
  const { server, reach, stop } = watched();
  server.is = 'lost';
  await vi.advanceTimersByTimeAsync(5000);
  expect([reach.current(), server.asked]).toEqual(['lost', 1]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(server.asked).toBeGreaterThan(10); // each five seconds or so
  expect(server.back).toBe(0);
  server.is = 'starting';
  await vi.advanceTimersByTimeAsync(5600);
  expect([reach.current(), server.back]).toEqual(['starting', 0]);
  server.is = 'reached';
  await vi.advanceTimersByTimeAsync(5600);
  expect([reach.current(), server.back]).toEqual(['reached', 1]);
  stop();
  const { asked } = server;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(server.asked).toBe(asked);
});

test('answers make asking needless; a page out of sight does not ask', async () => {
  let hidden = false;
  const { server, reach } = watched(() => hidden);
  for (let i = 0; i < 10; i++) {
    await vi.advanceTimersByTimeAsync(4000);
    reach.heard();
  }
  expect(server.asked).toBe(0);
  hidden = true;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(server.asked).toBe(0);
});

test('a server that is not ready counts only where a question had no answer', async () => {
  const { server, reach } = watched();
  server.is = 'starting';
  await vi.advanceTimersByTimeAsync(20_000);
  expect([reach.current(), server.asked]).toEqual(['reached', 4]);
  await reach.probe();
  expect(reach.current()).toBe('starting');
});

test('who waits for the server goes on when it is back', async () => {
  const { server, reach } = watched();
  server.is = 'lost';
  let done = false;
  void reach.back().then(() => (done = true));
  await vi.advanceTimersByTimeAsync(20_000);
  expect(done).toBe(false);
  server.is = 'reached';
  await vi.advanceTimersByTimeAsync(6000);
  expect(done).toBe(true);
});

test('tries are a second apart, then five at most', () => {
  expect([1, 2, 5, 99].map((n) => pause(n, 0.5))).toEqual([1000, 2000, 5000, 5000]);
});

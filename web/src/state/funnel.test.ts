import { describe, expect, test } from 'vitest';
import { firstFunnel, insteadOf, mostOf, moved, noStep, parseFunnel, questionOf, withSteps, writeFunnel, type FunnelState } from './funnel';

const full: FunnelState = {
  steps: [
    { type: 'pageview', filter: ['path:/a|b', '!country:DE'], goal: '', name: 'Start “here”' },
    { type: '', filter: [], goal: 'g_1', name: '' },
    { type: '', filter: ['props.plan:100%'], goal: '', name: '' },
  ],
  exclude: [{ type: 'refund', filter: [], after: 1, before: 3 }],
  window: '7d',
  order: 'strict',
  breakdown: 'country',
};

describe('funnels in the address', () => {
  test.each([full, firstFunnel])('what is written is read', (f) => {
    expect(parseFunnel(writeFunnel(f))).toEqual(f);
    const q = new URLSearchParams({ funnel: writeFunnel(f) });
    expect(parseFunnel(new URLSearchParams(q.toString()).get('funnel')!)).toEqual(f);
  });
  test.each(['', '{', 'null', '[]', '"x"', '7'])('%s is no funnel', (text) => {
    expect(parseFunnel(text).steps).toHaveLength(2);
  });
  test('what is wrong within is left out', () => {
    const f = parseFunnel(JSON.stringify({ steps: [1, { type: 2, filter: ['x', 3], goal: null }, ...Array.from({ length: 40 }, () => ({}))], exclude: [{ after: 90, before: -1 }, 5], window: '0h', order: 'up', breakdown: 8 }));
    expect(f.steps).toHaveLength(32);
    expect(f.steps[1]).toEqual({ ...noStep, filter: ['x'] });
    expect(f.exclude[0]).toEqual({ type: '', filter: [], after: 31, before: 32 });
    expect([f.window, f.order, f.breakdown]).toEqual(['24h', 'ordered', '']);
  });
  test('what could not be read is told, and all else is not', () => {
    for (const ok of ['', writeFunnel(full), writeFunnel(firstFunnel), JSON.stringify(full), '{"steps":[{"type":"a"}],"window":"24h"}']) expect(insteadOf(ok)).toBeUndefined();
    for (const none of ['{', 'null', '[]', '"x"', '7', '{}', '{"steps":5}']) expect(insteadOf(none)).toBe('a new funnel');
    const wrong = [{ window: '0h' }, { order: 'up' }, { breakdown: 8 }, { colour: 'red' }, { steps: [{ type: 2 }] }, { steps: [{ filter: ['x', 3] }] }, { steps: Array.from({ length: 33 }, () => ({ type: 'a' })) }, { exclude: [{ type: 'x', after: 9, before: 10 }] }];
    for (const w of wrong) expect(insteadOf(JSON.stringify({ steps: [{ type: 'a' }, { type: 'b' }], ...w })), JSON.stringify(w)).toBe('what of the funnel could be read');
  });
  test('the time to finish is at most what the server takes', () => {
    expect(['s', 'm', 'h', 'd', 'w'].map(mostOf)).toEqual([31_622_400, 527_040, 8784, 366, 52]);
    const windowOf = (window: string) => parseFunnel(JSON.stringify({ steps: [{ type: 'a' }, { type: 'b' }], window })).window;
    expect(['31622400s', '8784h', '366d', '52w'].map(windowOf)).toEqual(['31622400s', '8784h', '366d', '52w']);
    for (const w of ['31622401s', '9999h', '367d', '53w']) {
      expect(windowOf(w)).toBe('24h');
      expect(insteadOf(JSON.stringify({ steps: [{ type: 'a' }, { type: 'b' }], window: w }))).toBe('what of the funnel could be read');
    }
  });
  test('exclusions stay between steps that there are', () => {
    expect(withSteps(full, full.steps.slice(0, 2)).exclude).toEqual([{ type: 'refund', filter: [], after: 1, before: 2 }]);
  });
  test('moved', () => {
    expect(moved(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
    expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b']);
  });
  test('nothing is asked before each step is chosen; in any order nothing is excluded', () => {
    expect(questionOf(firstFunnel, () => '')).toBeUndefined();
    const q = questionOf({ ...full, order: 'any' }, (s) => s.name || 'é'.repeat(150));
    expect(q).not.toHaveProperty('exclude');
    expect(q?.steps[1]).toEqual({ goal: 'g_1', name: 'é'.repeat(100) });
    expect(questionOf(full, (s) => s.name)?.exclude).toEqual([{ type: 'refund', filter: [], after: 1, before: 3 }]);
  });
});

import { describe, expect, test } from 'vitest';
import { arranged, inOrder, layoutOf, placed, stepped, type Placed } from './layout';

const p = (id: string, x: number, y: number, w: number, h: number): Placed => ({ id, kind: 'line', question: {}, x, y, w, h });
const at = (panels: Placed[], id: string) => {
  const q = panels.find((x) => x.id === id)!;
  return [q.x, q.y, q.w, q.h];
};

describe('the grid', () => {
  test('panels get ids and places, within the grid', () => {
    const got = placed([{ kind: 'tile', question: {} }, { kind: 'bar', question: {}, x: 11, y: 0, w: 4, h: 2 }, { id: 'c', kind: 'sql', question: {} }]);
    expect(new Set(got.map((x) => x.id)).size).toBe(3);
    expect(got[1]).toMatchObject({ x: 8, w: 4 });
    expect(got[2]!.y).toBe(2);
  });
  test('panels without a place leave no holes: beside the last ones, as tall, and up to what is there', () => {
    const got = placed(['tile', 'tile', 'tile', 'tile', 'line', 'bar', 'table', 'funnel'].map((kind) => ({ kind, question: {} })));
    expect(got.map((x) => [x.x, x.y, x.w, x.h])).toEqual([
      [0, 0, 3, 2], [3, 0, 3, 2], [6, 0, 3, 2], [9, 0, 3, 2],
      [0, 2, 6, 6], [6, 2, 6, 6],
      [0, 8, 6, 6], [6, 8, 6, 6],
    ]);
  });
  const two = [p('a', 0, 0, 6, 4), p('b', 0, 4, 6, 4), p('c', 6, 0, 6, 4)];
  test('one moves aside, down and up, and the others make room', () => {
    expect(at(stepped(two, 'a', { y: 1 }), 'a')).toEqual([0, 4, 6, 4]);
    expect(at(stepped(two, 'a', { y: 1 }), 'b')).toEqual([0, 0, 6, 4]);
    expect(at(stepped(two, 'b', { y: -1 }), 'b')).toEqual([0, 0, 6, 4]);
    expect(at(stepped(two, 'a', { y: -1 }), 'a')).toEqual([0, 0, 6, 4]);
    expect(at(stepped(two, 'a', { x: -1 }), 'a')).toEqual([0, 0, 6, 4]);
    const aside = stepped([p('a', 0, 0, 4, 4)], 'a', { x: 1 });
    expect(at(aside, 'a')).toEqual([1, 0, 4, 4]);
  });
  test('sizes have bounds, and nothing overlaps', () => {
    const wider = stepped(two, 'a', { w: 1 });
    expect(at(wider, 'a')).toEqual([0, 0, 7, 4]);
    for (const x of wider) for (const y of wider) expect(x === y || x.x + x.w <= y.x || y.x + y.w <= x.x || x.y + x.h <= y.y || y.y + y.h <= x.y).toBe(true);
    expect(at(stepped([p('a', 10, 0, 2, 2)], 'a', { w: -1, h: -1 }), 'a')).toEqual([10, 0, 2, 2]);
    expect(at(stepped([p('a', 10, 0, 2, 2)], 'a', { w: 1 }), 'a')).toEqual([10, 0, 2, 2]);
  });
  test('what is not moved is the same object; reading order is by rows', () => {
    expect(arranged(two, layoutOf(two))).toEqual(two);
    expect(arranged(two, layoutOf(two))[0]).toBe(two[0]);
    expect(inOrder(two).map((x) => x.id)).toEqual(['a', 'c', 'b']);
  });
});

import { expect, test } from 'vitest';
import type { Relation } from '../../api/sql';
import { quoted, readBy } from './complete';

const relations: Relation[] = ['events', 'sessions', 'rollup_minute'].map((name) => ({ name, columns: [] }));
const names = (sql: string) => [...readBy(sql, relations)].map(([as, r]) => `${as}=${r.name}`);

test('what a statement reads, by the names it gives', () => {
  expect(names('SELECT 1')).toEqual([]);
  expect(names('SELECT * FROM events WHERE 1')).toEqual(['events=events']);
  expect(names('select * from acme.Events as e join sessions s on e.session_id = s.id')).toEqual(['events=events', 'e=events', 'sessions=sessions', 's=sessions']);
  expect(names('SELECT * FROM rollup_minute\nGROUP BY time')).toEqual(['rollup_minute=rollup_minute']);
  expect(names('SELECT * FROM nothing')).toEqual([]);
});

test('names that need quotes have them', () => {
  expect(['path', 'cart.total', 'first name', 'a"b\\c', '2nd'].map(quoted)).toEqual(['path', 'cart.total', '"first name"', '"a\\"b\\\\c"', '"2nd"']);
});

import { expect, test } from 'vitest';
import type { Panel } from '../../panels/panel';
import { nameOfStep } from '../funnels/names';
import { draftOf, panelOf, rangeFor } from './draft';

const again = (p: Panel, change = {}) => panelOf({ ...draftOf(p, ''), ...change }, (s) => nameOfStep(s, undefined), 'Untitled', p).panel;
const table: Panel = { title: 'T', kind: 'table', site_id: 's', question: { from: '7d', metric: ['visitors'], group_by: ['path', 'country'], interval: 'day', limit: 20 } };

test('what the form has no field for stays as it was', () => {
  expect(again(table, { title: 'New' })).toEqual({ ...table, title: 'New' });
  const byTime = { ...table, question: { ...table.question, group_by: undefined } };
  expect(again(byTime)?.question).toEqual({ from: '7d', metric: ['visitors'], interval: 'day', limit: 20 });
  expect(again(table, { group: 'city' })?.question).toEqual({ from: '7d', metric: ['visitors'], group_by: ['city'], limit: 20 });
  const bars = { ...table, kind: 'bar' as const };
  expect(again(bars)?.question).toEqual({ from: '7d', metric: ['visitors'], group_by: ['path'], limit: 20 }); // bars are no times, and of one column
  expect(again({ ...bars, question: byTime.question })?.question).toEqual({ from: '7d', metric: ['visitors'], group_by: ['path'], limit: 20 });
  expect(again(table, { kind: 'bar' })?.question).toEqual({ from: '7d', metric: ['visitors'], group_by: ['path'], limit: 20 });
});

test('retention has its range, or the last periods', () => {
  const back: Panel = { title: 'R', kind: 'retention', site_id: 's', question: { period: 'week', periods: 12, mode: 'first_time' } };
  expect(draftOf(back, '').from).toBe('');
  expect(again(back, { title: 'New' })).toEqual({ ...back, title: 'New' });
  const days = { ...back, question: { ...back.question, from: '2026-01-01', to: '2026-01-31' } };
  expect(again(days, { period: 'day' })?.question).toEqual({ ...days.question, period: 'day' });
  expect(again(days, { from: '' })).toEqual(back);
  expect([rangeFor('retention', draftOf(table, '')), rangeFor('retention', draftOf(days, '')), rangeFor('line', draftOf(back, '')), rangeFor('line', draftOf(table, ''))]).toEqual(['', '2026-01-01', 'today-6d', '7d']);
});

test('a name that was made is made anew when the step changes; one that was given stays', () => {
  const steps = [{ type: 'pageview', filter: ['path:/a'] }, { type: 'signup', name: 'Joined' }];
  const made = again({ title: 'F', kind: 'funnel', site_id: 's', question: { from: '7d', steps } })!;
  expect((made.question.steps as { name: string }[]).map((s) => s.name)).toEqual(['/a', 'Joined']);
  const funnel = draftOf(made, '').funnel;
  expect(funnel.steps.map((s) => s.name)).toEqual(['', 'Joined']);
  const changed = again(made, { funnel: { ...funnel, steps: [{ ...funnel.steps[0]!, filter: ['path:/b'] }, funnel.steps[1]!] } })!;
  expect((changed.question.steps as { name: string }[]).map((s) => s.name)).toEqual(['/b', 'Joined']);
});

test('a line keeps its comparison; conversions need a goal, and other numbers have none', () => {
  const line: Panel = { title: 'L', kind: 'line', site_id: 's', question: { from: '7d', metric: ['conversions'], goal: 'g', interval: 'day', compare: 'previous' } };
  expect(again(line)).toEqual(line);
  expect(again(line, { compare: false })?.question).toEqual({ from: '7d', metric: ['conversions'], goal: 'g', interval: 'day' });
  expect(again(line, { goal: 'h' })?.question.goal).toBe('h');
  expect(again(line, { metrics: ['visitors'] })?.question.goal).toBeUndefined();
  expect(panelOf({ ...draftOf(line, ''), goal: '' }, () => '', 'L', line)).toEqual({ missing: 'Choose a goal.' });
});

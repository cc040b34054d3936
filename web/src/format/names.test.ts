import { expect, test } from 'vitest';
import type { PathNode } from '../api/paths';
import { stepIn } from '../panels/panel';
import { findsValue } from '../parts/columns';
import { sentence } from '../parts/filters';
import { eventOfStep, nameOfStep } from '../pages/funnels/names';
import { nameOf } from '../pages/paths/nodes';
import { event, found, typeOf, value, withBlanks } from './names';

test('a type of event has one name', () => {
  expect(['pageview', 'screen', 'click', 'outbound', 'download', 'identify'].map(event)).toEqual(['Page view', 'Screen view', 'Click', 'Outbound link', 'Download', 'Identified']);
  expect(['signup', 'Order Completed', 'constructor', '__proto__', ''].map(event)).toEqual(['signup', 'Order Completed', 'constructor', '__proto__', '']);
  const node: PathNode = { id: '0:outbound', path: 'outbound', people: 1, step: 0 };
  const step = { type: 'outbound', filter: [] };
  expect([value('type', 'outbound'), sentence({ dim: 'type', not: false, contains: false, values: ['outbound'] }), eventOfStep(step, []), nameOfStep(step, []), nameOf(node)]).toEqual([
    'Outbound link', 'is Outbound link', 'Outbound link', 'Outbound link', 'Outbound link',
  ]);
});

test('who types a name means its type', () => {
  expect(['Page view', 'page VIEW', 'pageview', 'outbound link', 'signup', ''].map(typeOf)).toEqual(['pageview', 'pageview', 'pageview', 'outbound', 'signup', '']);
});

test('values are found by what they are and by what they are called', () => {
  expect(['pagev', 'Page V', ' view ', 'click', ''].map((s) => found('type', 'pageview', s))).toEqual([true, true, true, false, true]);
  const options = ['AU', 'AT', 'US'].map((v) => ({ value: v, label: v }));
  const finds = (dim: string, search: string, limit = 9) => findsValue(dim)({ options, search, limit }).map((o) => ('value' in o ? o.value : ''));
  expect([finds('country', 'austr'), finds('country', 'au'), finds('country', 'us'), finds('country', 'us', 1), finds('city', 'austr')]).toEqual([['AU', 'AT'], ['AU', 'AT'], ['US', 'AU', 'AT'], ['US'], []]);
});

test('a step of a panel is called as on the page of funnels, whatever the server calls it', () => {
  const q = { steps: [{ type: 'pageview' }, { type: 'pageview', filter: ['path:/a'] }, { type: 'click', filter: 'country:DE' }, { type: 'click', name: 'Pressed' }, { goal: 'g', filter: ['path:/a'] }] };
  const says = (step: number, name: string, more = {}) => stepIn({ ...q, ...more }, { step, name });
  expect([says(1, 'pageview'), says(2, 'pageview path:/a'), says(3, 'click country:DE'), says(4, 'Pressed'), says(5, 'signup path:/a'), says(6, 'x')]).toEqual(['Page view', '/a', 'Click, Country is Germany', 'Pressed', 'signup path:/a', 'x']);
  expect(says(1, 'any 1 of 5 steps', { order: 'any' })).toBe('any 1 of 5 steps');
});

test('blanks of a name can be seen where they are not between words', () => {
  expect([' lead', 'lead ', 'a  b', '\u00a0x\t', 'two words', '  ', ''].map(withBlanks)).toEqual(['␣lead', 'lead␣', 'a␣␣b', '␣x␣', 'two words', '␣␣', '']);
});

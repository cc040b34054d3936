import { expect, test } from 'vitest';
import { firstWay } from './ways';

test('a key is offered first where only a key can work', () => {
  expect(firstWay({ accounts: false, providers: [] }, false)).toBe('key');
  expect(firstWay({ accounts: false, providers: null }, false)).toBe('key');
  expect(firstWay({ accounts: true, providers: [] }, false)).toBe('password');
  expect(firstWay({ accounts: false, providers: ['Okta'] }, false)).toBe('password');
});

test('nothing is offered until it is known, and a password where it cannot be known', () => {
  expect(firstWay(undefined, true)).toBeUndefined();
  expect(firstWay(undefined, false)).toBe('password');
});

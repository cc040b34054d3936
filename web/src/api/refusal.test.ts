import { expect, test } from 'vitest';
import { Problem } from './problem';
import { fieldName } from './refusal';

const refused = (detail: string, field?: string) => new Problem(422, 'invalid_field', detail, field);

test('a field is called what the forms call it', () => {
  expect(['password', 'email', 'time_zone', 'settings.session_timeout', 'limits.events_per_second', 'limits.cpu_seconds_per_hour', 'steps[1].type', 'privacy.rules[0].field', 'filter[2]', 'budget', 'masks.column'].map(fieldName)).toEqual(
    ['Password', 'E-mail', 'Time zone', 'A session ends after a pause of', 'Events a second', 'CPU seconds an hour', 'Step 2, event', 'Rule 1, field', 'Filter 3', 'Budget', 'Column or property']);
});

test('beside its field a refusal says only what is wrong, as a sentence', () => {
  const said = (text: string) => refused(`field password: ${text}`, 'password').of('password');
  expect(said('it has 3 characters, at least 12 are needed')).toBe('It has 3 characters, at least 12 are needed');
  expect(said('expected length <= 256')).toBe('It must have at most 256 characters');
  expect(said('expected length >= 1')).toBe('It must have at least 1 character');
  expect(said('expected array length <= 20')).toBe('It must have at most 20 values');
  expect(said('expected number >= 0')).toBe('It must be at least 0');
  expect(said('expected number < 1.5')).toBe('It must be less than 1.5');
  expect(said('expected value to be one of "viewer, analyst"')).toBe('It must be one of viewer, analyst');
  expect(said('expected integer')).toBe('It must be a whole number');
  expect(said('expected string, such as "ann@example.com"')).toBe('It must be a text, such as "ann@example.com"');
  expect(said('"x" is no password')).toBe('"x" is no password');
  expect(refused('field password is missing', 'password').of('password')).toBe('It is missing');
  expect(refused('field password: too short', 'password').of('email')).toBeUndefined();
  expect(refused('e_mail is taken: choose another one', 'email').of('email')).toBe('e_mail is taken: choose another one');
});

test('in a notice it stands behind the name of the field', () => {
  const p = refused('field password: it is too short', 'password');
  expect([p.where, p.sentences]).toEqual(['Password', 'it is too short']);
  const day = refused('from is "2026-02-30": there is no such day', 'from');
  expect([day.where, day.sentences]).toEqual(['From', 'it is "2026-02-30": there is no such day']);
  expect(refused('there is no column "pth"', 'filter').sentences).toBe('there is no column "pth"');
});

test('several fields are named each, and each has its own', () => {
  const p = refused('field email: expected length <= 254; field limits.queries: expected number >= 0; field name is missing', 'email');
  expect([p.where, p.sentences]).toEqual([undefined, 'E-mail: it must have at most 254 characters; Queries: it must be at least 0; Name: it is missing']);
  expect([p.of('email'), p.of('limits.queries'), p.of('name'), p.of('role')]).toEqual(['It must have at most 254 characters', 'It must be at least 0', 'It is missing', undefined]);
});

import { expect, test } from 'vitest';
import { Problem } from './problem';

test('what happened and what to do are sentences of their own', () => {
  const said = (status: number, detail: string) => new Problem(status, 'code', detail).sentences;
  expect(said(500, "the report could not be made; the operator's log says why")).toBe("the report could not be made; the operator's log says why. The server's log says more.");
  expect(said(401, 'The session has ended.')).toBe('The session has ended. Sign in again.');
  expect(said(422, 'there is no column "pth"')).toBe('there is no column "pth"'); // it says itself what to do
});

test('what a role may not see is said once, in words', () => {
  const masked = new Problem(403, 'column_masked', 'client_id is masked for the role viewer; leave it out, or ask an admin of the tenant', 'metric');
  expect([masked.sentences, masked.where, masked.masksMetric]).toEqual([masked.detail, undefined, true]);
  const role = new Problem(403, 'forbidden', 'the role viewer may not do this');
  expect([role.sentences, role.masksMetric]).toEqual(['the role viewer may not do this. Ask an admin of the tenant for a role that may do this.', false]);
  expect(new Problem(422, 'invalid', 'no such column', 'filter').where).toBe('Filter');
});

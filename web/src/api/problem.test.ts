import { expect, test } from 'vitest';
import { Problem } from './problem';

test('what happened and what to do are sentences of their own', () => {
  const said = (status: number, detail: string) => new Problem(status, 'code', detail).sentences;
  expect(said(500, "the report could not be made; the operator's log says why")).toBe("the report could not be made; the operator's log says why. The server's log says more.");
  expect(said(401, 'The session has ended.')).toBe('The session has ended. Sign in again.');
  expect(said(422, 'there is no column "pth"')).toBe('there is no column "pth"'); // it says itself what to do
});

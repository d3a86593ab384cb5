import { expect, test } from 'vitest';
import { isError } from '#engine';

test('O2: a status above 499 is an error, 499 is not', () => {
  expect(isError({ kind: 'status', code: 500 })).toBe(true);
  expect(isError({ kind: 'status', code: 499 })).toBe(false);
});

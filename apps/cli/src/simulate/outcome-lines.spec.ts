import { expect, test } from 'vitest';
import { readOutcomeLine } from './outcome-lines.ts';
import type { Reading } from './reading.ts';

/** As it lies in a chunk, with other lines about it. */
function read(line: string): Reading {
  const bytes = Buffer.from(line);
  return readOutcomeLine(Buffer.concat([Buffer.from('{"v":1\n'), bytes, Buffer.from('\n"at":1}')]), 7, 7 + bytes.length);
}

const OUTCOME = { upstream: 'shop.local', atMs: 1_790_000_000_123, reporter: 'a', result: { kind: 'status', code: 503 }, count: 1 };

test('a line is an outcome where it lies, the usual one and the unusual', () => {
  expect(read('{"v":1,"upstream":"Shop.local","at":1790000000123,"status":503,"reporter":"a"}')).toEqual(OUTCOME);
  expect(read('\t{ "reporter" : "\\u0061", "v":1, "upstream":"shop.local", "at":1.790000000123e12, "status":503, "zone":{"a":[1]} } ')).toEqual(OUTCOME);
});

test('a mark is no call, and what is none of both has a reason', () => {
  expect(read('{"v":1,"kind":"mark","control":3,"hash":"x"}')).toBeUndefined();
  expect(read('{"v":1,"upstream":"shop.local","at":1790000000123,"status":503')).toMatch(/^the value is not JSON/);
  expect(read('{"v":1,"upstream":"shop.local","at":1790000000123,"reporter":"a"}')).toBe('exactly one of status, grpcStatus, failure, ok is required; none of them is there');
});

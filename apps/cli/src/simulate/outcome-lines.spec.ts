/** The scanner against the codec that production reads outcomes with: it may leave a line to it, and may not differ. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeEntry } from '#wire';
import { judged, readOutcomeLine } from './outcome-lines.ts';
import { OutcomeScanner } from './outcome-scanner.ts';
import type { Reading } from './reading.ts';

function byCodec(line: string): Reading {
  const entry = decodeEntry(null, Buffer.from(line));
  if (entry.kind === 'outcome') return judged(entry.outcome);
  return entry.kind === 'dead' ? entry.reason : undefined;
}

/** As it lies in a chunk, with other lines about it. */
function read(line: string): Reading {
  const bytes = Buffer.from(line);
  return readOutcomeLine(Buffer.concat([Buffer.from('{"v":1\n'), bytes, Buffer.from('\n"at":1}')]), 7, 7 + bytes.length);
}

function isScanned(line: string): boolean {
  const bytes = Buffer.from(line);
  return new OutcomeScanner().scan(bytes, 0, bytes.length) !== undefined;
}

const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(1, 0, 200, 503, 599, 99, 600, 14, 4.25, 17, 1_790_000_000_123, 123_456_789_012_345, 0.1, 1.005, 12_345.678) },
  fc.constantFrom('Shop.local', 'r', 'reset', 'dns', '', 'é', 'a"b', 'a\\b', '\n', 'x'.repeat(257), 'kept', true, false, null, -1, 1e21, 9_007_199_254_740_992, [], {}),
);
const keys = fc.constantFrom('v', 'id', 'upstream', 'at', 'reporter', 'status', 'grpcStatus', 'failure', 'ok', 'durationMs', 'count', 'incarnation', 'generation', 'kind', 'target', 'attempt', 'latency', '__proto__', 'V', 'statuses');
const sound = { v: 1, upstream: 'Shop.local', at: 1_790_000_000_123, reporter: 'proxy-a', status: 503 };

/** Mostly sound, with fields put in, taken out, twice, and in another order. */
const record = fc.record({ changes: fc.array(fc.tuple(keys, value), { maxLength: 4 }), without: fc.option(keys), space: fc.constantFrom('', '', ' ', '  ', '\t'), shuffled: fc.boolean() }).map(({ changes, without, space, shuffled }) => {
  const fields = [...Object.entries(sound).filter(([key]) => key !== without), ...changes];
  const ordered = shuffled ? fields.toReversed() : fields;
  return `{${space}${ordered.map(([key, each]) => `${JSON.stringify(key)}${space}:${space}${JSON.stringify(each)}`).join(`${space},${space}`)}${space}}`;
});

test('whatever a line holds, it is read as the codec reads it', () => {
  fc.assert(fc.property(record, (line) => void expect(read(line)).toEqual(byCodec(line))), { numRuns: 3_000 });
});

test('a line that was cut or changed anywhere is read as the codec reads it', () => {
  const line = '{"v":1,"id":"a/1","upstream":"shop.local","at":1790000000123,"status":503,"durationMs":4.25,"reporter":"a","incarnation":1,"generation":3}';
  const changed = fc.tuple(fc.nat(line.length), fc.nat(2), fc.constantFrom('', '"', '\\', '}', ',', '0', '.', 'e', '\u0000')).map(([at, cut, put]) => line.slice(0, at) + put + line.slice(at + cut));
  fc.assert(fc.property(changed, (each) => void expect(read(each)).toEqual(byCodec(each))), { numRuns: 2_000 });
});

test('what producers write is scanned, and not left to the codec', () => {
  expect(isScanned('{"v":1,"id":"proxy-a/01J8ZQ","upstream":"shop.local","at":1790000000123,"status":503,"durationMs":4.25,"count":7,"reporter":"proxy-a","incarnation":1,"generation":3,"target":"127.0.0.1:8079","attempt":1}')).toBe(true);
  expect(isScanned('{"v": 1, "upstream": "shop.local", "at": 1790000000123, "ok": true, "reporter": "a"}')).toBe(true);
  expect(isScanned('{"v":1,"upstream":"shop.local","at":1790000000123,"failure":"reset","reporter":"a"}')).toBe(true);
});

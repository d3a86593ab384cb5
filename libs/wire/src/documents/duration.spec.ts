import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseGoDuration } from './duration.ts';

test.each<[string, number]>([
  ['0', 0],
  ['0s', 0],
  ['200ms', 200],
  ['1m', 60_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['1.s', 1_000],
  ['+2s', 2_000],
  ['1h2m3.004s', 3_723_004],
  ['1500us', 1.5],
  ['1500µs', 1.5],
  ['1ns', 0.000001],
])('%s is %d ms, as in Go', (text, ms) => {
  expect(Number(parseGoDuration(text)) / 1e6).toBe(ms);
});

test.each(['', ' 1s', '1', '-1s', '1 s', '1S', '1d', '1e3s', 's', '.s', '1s1', '1..5s', `${'1'.repeat(80)}s`])('%j is no duration', (text) => {
  expect(parseGoDuration(text)).toBeUndefined();
});

test('a duration that we print is one that we read', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 10 ** 9 }), (ms) => void expect(Number(parseGoDuration(formatDuration(ms))) / 1e6).toBe(ms)));
  expect([200, 1_000, 1_500, 60_000, 90_000, 3_600_000, 5_400_500].map(formatDuration)).toEqual(['200ms', '1s', '1.5s', '1m', '1m30s', '1h', '1h30m0.5s']);
});

import { expect, test } from 'vitest';
import { parseMoment } from './span.ts';

test.each([
  ['now', 1_000_000],
  ['-10m', 400_000],
  ['-1m30s', 910_000],
  ['1790000000123', 1_790_000_000_123],
  ['2026-09-21T14:13:20Z', 1_790_000_000_000],
  ['2026-09-21', 1_789_948_800_000],
])('%s is a moment', (text, ms) => {
  expect(parseMoment(text, 1_000_000)).toBe(ms);
});

test.each(['', '10m', '-', '-10', 'yesterday', '2026-13-45', '21'.repeat(10)])('%j is none', (text) => {
  expect(parseMoment(text, 0)).toBeUndefined();
});

import { describe, expect, it } from 'vitest';
import { seen } from './virtual.ts';

describe('the rows that can be seen', () => {
  it.each([
    ['at the top', -100, { from: 0, to: 20 }],
    ['in the middle', 5_000, { from: 44, to: 71 }],
    ['at the end', 99_000, { from: 984, to: 1_000 }],
    ['beyond it', 500_000, { from: 1_000, to: 1_000 }],
  ])('%s are a few, however many there are', (_, topPx, expected) => {
    expect(seen({ rows: 1_000, rowPx: 100, topPx, heightPx: 1_450 })).toEqual(expected);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Repeats } from './repeats.ts';

describe('K4: repeats', () => {
  test('a pair is seen the second time, and reporter and id are not run together', () => {
    const repeats = new Repeats(10);
    expect(repeats.seen('ab', 'c', 0)).toBe(false);
    expect(repeats.seen('a', 'bc', 1)).toBe(false);
    expect(repeats.seen('ab', 'c', 2)).toBe(true);
  });

  test('beyond the horizon a repeat counts again', () => {
    const repeats = new Repeats(2);
    for (const [offset, id] of ['a', 'b', 'c'].entries()) repeats.seen('r', id, offset);
    expect(repeats.seen('r', 'b', 3)).toBe(true);
    expect(repeats.seen('r', 'a', 4)).toBe(false);
  });

  test('a repeat does not refresh its place', () => {
    const repeats = new Repeats(2);
    for (const [offset, id] of ['a', 'b', 'a', 'c'].entries()) repeats.seen('r', id, offset);
    expect(repeats.seen('r', 'a', 4)).toBe(false);
  });

  test('ids of records from an offset on come oldest first, and restore the same memory', () => {
    const repeats = new Repeats(3);
    for (const [offset, id] of ['a', 'b', 'c', 'd'].entries()) repeats.seen('r', id, offset * 10);
    expect(repeats.since(20).map(({ offset }) => offset)).toEqual([20, 30]);
    const restored = new Repeats(3);
    restored.restore(repeats.since(0));
    expect(restored.since(0)).toEqual(repeats.since(0));
    expect(restored.seen('r', 'b', 40)).toBe(true);
    expect(restored.seen('r', 'a', 40)).toBe(false);
  });

  test('whatever is seen in whatever order, it remembers exactly the last ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.array(fc.integer({ min: 0, max: 14 }), { maxLength: 80 }), (max, ids) => {
        const repeats = new Repeats(max);
        const naive: number[] = [];
        for (const [offset, id] of ids.entries()) {
          expect(repeats.seen('r', `${id}`, offset)).toBe(naive.includes(id));
          if (naive.includes(id)) continue;
          naive.push(id);
          if (naive.length > max) naive.shift();
        }
        expect(repeats.since(0)).toHaveLength(naive.length);
      }),
      { numRuns: 2_000 },
    );
  });

  test('65,536 ids of one reporter have as many hashes', () => {
    const repeats = new Repeats(65_536);
    for (let n = 0; n < 65_536; n++) repeats.seen('proxy-a', `01JABCDEF${n.toString(36)}`, n);
    expect(new Set(repeats.since(0).map(({ hash }) => hash)).size).toBe(65_536);
  });
});

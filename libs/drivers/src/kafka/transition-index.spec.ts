import { expect, test } from 'vitest';
import type { Transition } from '#engine';
import { TransitionIndex, type Place } from './transition-index.ts';

const transition = (generation: number): Transition => ({
  upstream: `u${generation % 2}`,
  incarnation: 1,
  generation,
  from: 'closed',
  to: 'open',
  atMs: 1,
  reason: 'r',
  cause: { kind: 'deadline' },
  window: { total: 0, errors: 0, slow: 0 },
});

function filled(entriesMax: number, places: readonly Place[]): TransitionIndex {
  const index = new TransitionIndex(entriesMax);
  for (const [generation, place] of places.entries()) index.add(place, transition(generation));
  return index;
}

const generations = (index: TransitionIndex, upstream?: string): number[] =>
  index.list({ limit: 1_000, ...(upstream === undefined ? {} : { upstream }) }).transitions.map(({ generation }) => generation);

test('lists by when it was written, not by when it came to be known', () => {
  const index = filled(10, [
    [5, 0, 0, 0],
    [5, 2, 0, 1],
    [3, 9, 1, 0],
    [5, 1, 1, 1],
    [4, 0, 2, 7],
  ]);
  expect(generations(index)).toEqual([1, 3, 0, 4, 2]);
  expect(generations(index, 'u1')).toEqual([1, 3]);
});

test('keeps the newest, and takes what it let go of as new again', () => {
  const index = filled(100, Array.from({ length: 250 }, (_, n) => [n, 0, 0, n] as const));
  const kept = generations(index);
  expect(kept.length).toBeGreaterThanOrEqual(100);
  expect(kept.length).toBeLessThanOrEqual(110);
  expect(kept[0]).toBe(249);
  expect([index.add([249, 0, 0, 249], transition(249)), index.add([1_000, 0, 0, 1_000], transition(0))]).toEqual([false, true]);
});

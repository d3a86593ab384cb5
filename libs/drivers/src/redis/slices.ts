import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long the event loop may be held at once, ms. */
const SLICE_MS = 5;
/** Items between two looks at the clock. */
const LOOK_EACH = 32;

/**
 * `Array.map`, in slices: whatever else the process has to do goes on in between.
 * @param lookEach items between two looks at the clock; 1 where each is large
 */
export async function mapInSlices<T, U>(items: readonly T[], map: (item: T) => U, lookEach = LOOK_EACH): Promise<U[]> {
  const mapped: U[] = [];
  let endMs = performance.now() + SLICE_MS;
  for (const item of items) {
    mapped.push(map(item));
    if (mapped.length % lookEach !== 0 || performance.now() < endMs) continue;
    await nextTurn();
    endMs = performance.now() + SLICE_MS;
  }
  return mapped;
}

import { expect, it } from 'vitest';
import { mapInSlices } from './slices.ts';

it('what takes long is done in slices, in order, and others have their turns in between', async () => {
  let turns = 0;
  let done = false;
  const turn = (): void => {
    turns++;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  const items = Array.from({ length: 320 }, (_, index) => index);
  const mapped = await mapInSlices(items, (item) => {
    for (const endMs = performance.now() + 0.3; performance.now() < endMs; );
    return item * 2;
  });
  done = true;
  expect(mapped).toEqual(items.map((item) => item * 2));
  expect(turns).toBeGreaterThanOrEqual(5);
});

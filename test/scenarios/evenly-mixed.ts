/** Chance without luck: which calls fail is the seed's choice, how many is not. */
import { seeded, type Random } from '../../apps/cli/src/echo/chance.ts';

/** Draws in a block. */
const BLOCK = 20;

/**
 * Numbers in [0, 1), spread evenly: each block of 20 draws holds one out of every twentieth, in an order that the seed
 * gives. So of "20 % of calls fail" exactly 4 of any block of 20 do, whatever the seed, and only their places vary:
 * the 100th failure comes with one of the calls 485 to 500.
 */
export function evenlyMixed(seed: number): Random {
  const random = seeded(seed);
  let block: number[] = [];
  return () => {
    if (block.length === 0) block = shuffled(Array.from({ length: BLOCK }, (_, i) => (i + 0.5) / BLOCK), random);
    return block.pop() as number;
  };
}

function shuffled(values: number[], random: Random): number[] {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [values[i], values[j]] = [values[j] as number, values[i] as number];
  }
  return values;
}

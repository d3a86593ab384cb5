/**
 * Random lives of a partition's owners (test/support/pump-world.ts): after each commit the store holds what the naive
 * fold of the log says, and in the end nothing is lost, counted twice or left unpublished. FUSEBOARD_LIVES sets how many
 * lives are lived (default: as many as fit into some seconds), FUSEBOARD_SEED which is the first.
 */
import { expect, test } from 'vitest';
import { PumpWorld } from '../support/pump-world.ts';

const LIVES = Number(process.env['FUSEBOARD_LIVES'] ?? Infinity);
/** In CI always the same, so that a red run is its change's doing. */
const SEED = Number(process.env['FUSEBOARD_SEED'] ?? (process.env['CI'] === undefined ? Math.floor(Math.random() * 2 ** 31) : 1));
const WITHIN_MS = LIVES === Infinity ? 10_000 : Infinity;
const STEPS = 120;
/** In so many lives a store gives every answer (K2). */
const MANY = 50;

test('whatever befalls owners, stores and replies, the state is the fold of the log', { timeout: 3_600_000 }, async () => {
  const answers = new Set<string>();
  const endMs = performance.now() + WITHIN_MS;
  let lived = 0;
  for (; lived < LIVES && performance.now() < endMs; lived++) await live(SEED + lived, answers);
  console.log(`pump-simulation: ${lived} lives, FUSEBOARD_SEED=${SEED}`);
  const missing = ['OK', 'ALREADY', 'AHEAD', 'REGRESSED', 'FENCED'].filter((kind) => !answers.has(kind));
  expect(lived < MANY ? [] : missing).toEqual([]);
});

async function live(seed: number, answers: Set<string>): Promise<void> {
  const world = new PumpWorld(seed);
  try {
    for (let step = 0; step < STEPS; step++) {
      if (world.chance.below(2) === 0) await world.happen();
      else await world.chance.of(world.members).act();
      if (world.violation !== undefined) throw world.violation;
    }
    await world.settle();
  } catch (error) {
    // Whoever tries again what failed may have gone on, and stumbled over something else.
    throw new Error(`FUSEBOARD_SEED=${seed} FUSEBOARD_LIVES=1: ${world.violation?.message ?? 'no rule was broken'}`, { cause: error });
  } finally {
    await world.close();
  }
  for (const kind of world.answers) answers.add(kind);
}

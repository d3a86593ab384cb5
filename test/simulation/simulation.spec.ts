/** The simulator itself: it can be believed when it says nothing, and when it says something. */
import { expect, test } from 'vitest';
import { live } from './life.ts';

const STEPS = 3_000;

test('the same seed gives the same trace, byte for byte', async () => {
  const traces: string[][] = [];
  for (let n = 0; n < 2; n++) {
    const lines: string[] = [];
    await live({ seed: 7, steps: STEPS, print: (line) => void lines.push(line) });
    traces.push(lines);
  }
  expect(traces[0]?.length).toBeGreaterThan(STEPS);
  expect(traces[1]).toEqual(traces[0]);
});

test('a life without some of what befell it is that life but for them', async () => {
  const whole = await live({ seed: 7, steps: STEPS });
  const some = new Set([...whole.story.keys()].filter((n) => n % 2 === 0));
  const part = await live({ seed: 7, steps: STEPS, only: some });
  expect(part.traceHash).not.toBe(whole.traceHash);
  expect([...part.story.keys()].every((n) => some.has(n))).toBe(true);
});

test('lives of a fleet with all its faults break no invariant', { timeout: 300_000 }, async () => {
  const broken: unknown[] = [];
  const reached = new Set<string>();
  for (const seed of SEEDS) {
    const life = await live({ seed, steps: STEPS });
    for (const what of Object.keys(life.reached)) reached.add(what);
    if (life.broken !== undefined) broken.push({ seed, ...life.broken });
  }
  expect(broken).toEqual([]);
  for (const what of ['answered AHEAD', 'answered ALREADY', 'answered FENCED', 'answered REGRESSED', 'leases counted', 'log: trip', 'log: repeat', 'checkpoints', 'rebuilt', 'verified from the log', 'verified from the checkpoint', 'tampering found']) expect(reached).toContain(what);
});

/** A few of those that `npm run sim:ci` lives. */
const SEEDS = Array.from({ length: 60 }, (_, n) => 80 + n);

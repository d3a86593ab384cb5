/**
 * V7 against a naive model, over random histories of one upstream (test/support/provisional-history.ts). FUSEBOARD_CASES
 * sets how many run (a fiftieth of it; default 100,000), FUSEBOARD_SEED repeats a run.
 */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { FLEET, POLICIES, ProvisionalHistory, type Step } from '../../../test/support/provisional-history.ts';

const CASES = Math.ceil(Number(process.env['FUSEBOARD_CASES'] ?? 100_000) / 50);
const SEED = Number(process.env['FUSEBOARD_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const FLOORS_FROM_CASES = 1_000;
const TIMEOUT_MS = 600_000;
const STEPS_MAX = 80;

const result = { times: fc.integer({ min: 1, max: 6 }), code: fc.constantFrom(500, 500, 200), durationMs: fc.constantFrom(5, 150, 250) };
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('call', 'call', 'begin', 'end'), ...result }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.constantFrom(1, 100, 299, 300, 400, 600, 999, 1_000, 2_000, 4_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('jump'), ms: fc.constantFrom(-60_000, -5_001, -300, 300, 2_000, 60_000) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('fleet'), does: fc.constantFrom(...FLEET), ms: fc.constantFrom(100, 1_000, 3_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('police'), policy: fc.constantFrom(...POLICIES, undefined) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'pulse' } as const) },
);
const steps = fc.array(anyStep, { maxLength: STEPS_MAX, size: 'max' });

const reached = { cases: 0, openings: 0, agreed: 0, none: 0, other: 0, uncountedWhileForced: 0 };
afterAll(() => console.log(`own-outcomes.property: FUSEBOARD_SEED=${SEED} ${JSON.stringify(reached)}`));

test('V7: what is refused ahead of the fleet is what the naive model says, once in a generation and window, and all else is as without it', { timeout: TIMEOUT_MS }, () => {
  const property = fc.property(steps, (taken) => {
    const history = new ProvisionalHistory();
    for (const step of taken) history.take(step);
    history.take({ kind: 'pulse' });
    const { openings } = history.naive;
    expect(new Set(openings.map(({ window }) => window)).size).toBe(openings.length);
    reached.cases++;
    reached.uncountedWhileForced += history.uncountedWhileForced;
    reached.openings += openings.length;
    for (const { verdict } of openings) if (verdict !== undefined) reached[verdict]++;
  });
  fc.assert(property, { seed: SEED, numRuns: CASES });
  if (CASES < FLOORS_FROM_CASES) return;
  for (const count of Object.values(reached)) expect(count).toBeGreaterThan(CASES / 10);
});

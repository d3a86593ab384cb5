import { describe, expect, it } from 'vitest';
import { hasPassed, misses } from '../scenarios/report.ts';
import { runScenarios } from '../scenarios/run-all.ts';
import { SCENARIOS } from '../scenarios/catalogue.ts';
import { FAST_PARALLEL, FAST_SEQUENCE } from '../scenarios/scale.ts';

const SEED = 1;
const ALL = SCENARIOS.map(({ id }) => id);
const DEADLINE_MS = 180_000;

describe.concurrent("the seed's nine scenarios through the real process, scaled down", () => {
  it('go as they must all at once, one host each', { timeout: DEADLINE_MS }, async () => {
    const run = await runScenarios({ scale: FAST_PARALLEL, sequence: false, seed: SEED });
    expect(misses(run)).toBe('');
    expect(run.rows.map(({ id }) => id)).toEqual(ALL);
    expect(hasPassed(run)).toBe(true);
  });

  it('go as they must one after the other on one host, each policy deleted before the next', { timeout: DEADLINE_MS }, async () => {
    const run = await runScenarios({ scale: FAST_SEQUENCE, sequence: true, seed: SEED });
    expect(misses(run)).toBe('');
    expect(run.rows.map(({ id }) => id)).toEqual(ALL);
    expect(hasPassed(run)).toBe(true);
  });
});

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SCENARIOS } from '../scenarios/catalogue.ts';
import { hasPassed, misses } from '../scenarios/report.ts';
import { runScenarios } from '../scenarios/run-all.ts';
import { FAST_PARALLEL, FAST_SEQUENCE } from '../scenarios/scale.ts';

const SEED = 1;
const ALL = SCENARIOS.map(({ id }) => id);
/** On a machine that has other things to do. */
const DEADLINE_MS = 300_000;

describe.concurrent("osm-edge's nine scenarios through the real process, scaled down", () => {
  it('go as they must all at once, one host each', { timeout: DEADLINE_MS }, async () => {
    const run = await runScenarios({ target: 'embedded', scale: FAST_PARALLEL, sequence: false, seed: SEED });
    expect(misses(run)).toBe('');
    expect(run.rows.map(({ id }) => id)).toEqual(ALL);
    expect(hasPassed(run)).toBe(true);
  });

  it('go as they must one after the other on one host, each policy deleted before the next', { timeout: DEADLINE_MS }, async () => {
    const run = await runScenarios({ target: 'embedded', scale: FAST_SEQUENCE, sequence: true, seed: SEED });
    expect(misses(run)).toBe('');
    expect(run.rows.map(({ id }) => id)).toEqual(ALL);
    expect(hasPassed(run)).toBe(true);
  });
});

describe('the command line of the scenarios', () => {
  it.each([
    [['--target', 'swarm'], 'Allowed choices are embedded, fleet'],
    [['--only', '2,10'], 'found "10", allowed: 1, 2, 3, 4, 5, 6, 7, 7p, 8, 9'],
    [['--seed', 'luck'], 'allowed: a whole number'],
  ])('ends %j with 2 and says what is allowed', (args, allowed) => {
    const main = join(import.meta.dirname, '../scenarios/main.ts');
    const { status, stderr } = spawnSync(process.execPath, ['--conditions=source', main, ...args], { encoding: 'utf8' });
    expect(stderr).toContain(allowed);
    expect(status).toBe(2);
  });
});

import { expect, test } from 'vitest';
import { SCENARIOS } from '../scenarios/catalogue.ts';
import { hasPassed, misses } from '../scenarios/report.ts';
import { runScenarios } from '../scenarios/run-all.ts';
import { FAST_PARALLEL, forFleet } from '../scenarios/scale.ts';
import { services } from '../support/services/services.ts';

test("osm-edge's nine scenarios, scaled down, go as they must through a fleet: tripped at one proxy, refused at the other", { timeout: 240_000 }, async () => {
  const run = await runScenarios({ target: 'fleet', services: services(), scale: forFleet(FAST_PARALLEL), sequence: false, seed: 1 });
  expect(misses(run)).toBe('');
  expect(run.rows.map(({ id }) => id)).toEqual(SCENARIOS.map(({ id }) => id));
  expect(hasPassed(run)).toBe(true);
});

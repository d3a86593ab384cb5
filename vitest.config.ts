import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { KIND_NAMES, leftOutKinds } from './test/support/programs.ts';
import { SpecOrder } from './test/support/spec-order.ts';

const UNITS = '{apps,libs}/**';
const PLACES = '{apps,libs,bench,scripts,test}/**';
const NEEDS_SERVICES = `${PLACES}/*.services.spec.ts`;
const needing = (kind: string): string => `${PLACES}/*.${kind}.spec.ts`;
const NEEDS = [NEEDS_SERVICES, ...KIND_NAMES.map(needing)];
const leftOut = leftOutKinds();

/** Unit specs stand beside their source and are pure; what needs files, processes or services stands under test/. */
export default defineConfig({
  // Vitest hands these on to Node, where `import` would hold for `require` too and break CommonJS packages (is-promise).
  resolve: { conditions: ['source', 'node'] },
  ssr: { resolve: { conditions: ['source', 'node'] } },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    allowOnly: false,
    // Much of it waits for servers and processes: with as many workers as cores these stand idle for a third of the time.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: SpecOrder },
    projects: [
      // What is pure needs no process of its own, nor its modules anew: both would take longer than the tests.
      { extends: true, test: { name: 'unit', include: [`${UNITS}/*.spec.ts`], exclude: [...NEEDS], pool: 'threads', isolate: false } },
      { extends: true, test: { name: 'plain', include: [`${PLACES}/*.spec.ts`], exclude: [`${UNITS}`, ...NEEDS] } },
      {
        extends: true,
        test: {
          name: 'services',
          include: [NEEDS_SERVICES],
          // Kafka and Redis are started when one of these is among what is run, and only then.
          globalSetup: ['test/support/services/global-setup.ts'],
          runner: 'test/support/services/runner.ts',
        },
      },
      ...KIND_NAMES.filter((kind) => !leftOut.has(kind)).map((kind) => ({ extends: true as const, test: { name: kind, include: [needing(kind)] } })),
    ],
  },
});

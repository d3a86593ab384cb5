/** Finds or starts Kafka and Redis once for all `*.services.spec.ts` of a run. */
import type { TestProject } from 'vitest/node';
import { NoServiceError } from './no-service.ts';
import { startServices } from './start-services.ts';

/** Where there are none, the rest of the run goes on: the specs that need them say so, one failure or skip each. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    const { kafkaBrokers, redisUrl, how, stop } = await startServices({ say: console.log });
    console.log(how);
    project.provide('services', { kafkaBrokers, redisUrl });
    return stop;
  } catch (error) {
    project.provide('services', { missing: (error as Error).message, mayBeSkipped: error instanceof NoServiceError && process.env['CI'] !== 'true' });
    return () => Promise.resolve();
  }
}

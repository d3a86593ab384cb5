/** Finds or starts Kafka and Redis once for all `*.services.spec.ts` of a run. */
import type { TestProject } from 'vitest/node';
import { prepareKafka } from './kafka-files.ts';
import { NoServiceError } from './no-service.ts';
import { startServices } from './start-services.ts';

/** Where there are none, the rest of the run goes on: the specs that need them say so, one failure or skip each. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    const services = await startServices({ say: console.log });
    const { kafkaBrokers, redisUrl, how } = services;
    console.log(how);
    project.provide('services', { kafkaBrokers, redisUrl });
    // For `ownKafka`, whose test has no time for a download. Where it can't be done, that test says so.
    await prepareKafka(console.log).catch(() => undefined);
    return () => services.stop();
  } catch (error) {
    project.provide('services', { missing: (error as Error).message, mayBeSkipped: error instanceof NoServiceError && process.env['CI'] !== 'true' });
    return () => Promise.resolve();
  }
}

/** Starts the services once for all `*.services.spec.ts` of a run. */
import type { TestProject } from 'vitest/node';
import { startServices } from './start-services.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const services = await startServices({ say: (line) => console.log(line) });
  project.provide('services', { kafkaBrokers: services.kafkaBrokers, redisUrl: services.redisUrl });
  return () => services.stop();
}

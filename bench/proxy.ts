/** The proxy against its peers, every part in turn; each is a benchmark of its own too, by name. */
import { run as runLatency } from './proxy-latency.ts';
import { run as runMemory } from './proxy-memory.ts';
import { run as runWorkers } from './proxy-workers.ts';
import { run as runWorks } from './proxy-works.ts';

export async function run(): Promise<unknown> {
  return { works: await runWorks(), latency: await runLatency(), memory: await runMemory(), workers: await runWorkers() };
}

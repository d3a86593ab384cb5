import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { eventLoopDelay } from './event-loop-delay.ts';

const turn = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

it('shows how late the event loop was since the last scrape, and not the period of the timer that measures it', async () => {
  const registry = new Registry();
  registry.registerMetric(eventLoopDelay());
  const most = async (): Promise<number> => Number(/statistic="max"\} (\S+)/.exec(await registry.metrics())?.[1]);
  await turn(50);
  await most();
  // What begins within one period of a scrape is not seen.
  await turn(50);
  const endMs = performance.now() + 300;
  while (performance.now() < endMs);
  await turn(50);
  expect(await most()).toBeGreaterThan(0.25);
  await turn(50);
  expect(await most()).toBeLessThan(0.25);
});

/**
 * Fuseboard's proxy as it runs in production: its own process on a real Kafka and Redis, outcomes reported, metrics on,
 * every host with an Upstream and a policy; an ingest beside it. One breaker is opened before anything is measured.
 */
import { Agent } from 'node:http';
import { call } from '../test/scenarios/load.ts';
import { documentsOf, openBenchFleet } from './fleet.ts';
import { profiled } from './proxy-profile.ts';
import type { BenchStage, Subject } from './proxy-subjects.ts';
import { FAIL_PATH, REFUSED_HOST, SERVED_HOSTS } from './proxy-world.ts';

const OPENS_WITHIN_MS = 30_000;

/** @param workers as `FUSEBOARD_PROXY_WORKERS`; 1: not set */
export async function startFleetProxy(stage: BenchStage, target: string, workers = 1): Promise<Subject> {
  const policies = [{ host: REFUSED_HOST, target, errorAmountThreshold: 1 }, ...SERVED_HOSTS.map((host) => ({ host, target, errorAmountThreshold: 1_000_000 }))];
  const fleet = await openBenchFleet(documentsOf(policies));
  stage.onClose(() => fleet.close());
  const ingest = await fleet.stage.ingest();
  const proxy = await fleet.stage.proxy({ ...(workers === 1 ? {} : { FUSEBOARD_PROXY_WORKERS: `${workers}` }), ...profiled().env });
  stage.onClose(() => proxy.stop());
  await fleet.stage.ready([ingest, proxy]);
  const agent = new Agent({ keepAlive: true });
  await proxy.until('the breaker to be open', async () => (await call({ proxy: proxy.proxy, host: REFUSED_HOST, path: FAIL_PATH }, agent)).degraded || undefined, OPENS_WITHIN_MS);
  agent.destroy();
  return { name: workers === 1 ? 'fuseboard' : `fuseboard, ${workers} workers`, pid: proxy.pid, port: proxy.proxy.port };
}

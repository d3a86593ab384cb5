/**
 * Fuseboard's proxy as it runs in production: its own process on a real Kafka and Redis, outcomes reported, metrics on,
 * every host with an Upstream and a policy; an ingest beside it. One breaker is opened before anything is measured.
 */
import { call } from '../test/scenarios/load.ts';
import type { ProxyMember } from '../test/support/fleet.ts';
import { documentsOf, openBenchFleet } from './fleet.ts';
import { profiled } from './proxy-profile.ts';
import type { BenchStage, Subject } from './proxy-subjects.ts';
import { FAIL_PATH, REFUSED_HOST, SERVED_HOSTS } from './proxy-world.ts';

const OPENS_WITHIN_MS = 30_000;
/** Connections are shared out in turns. */
const CALLS_PER_WORKER = 4;

export interface ProxyFleet {
  /** @param workers as `FUSEBOARD_PROXY_WORKERS` */
  readonly start: (workers: number) => Promise<Subject>;
}

/** @param target HOST:PORT of the upstream */
export async function openProxyFleet(stage: BenchStage, target: string): Promise<ProxyFleet> {
  const policies = [{ host: REFUSED_HOST, target, errorAmountThreshold: 1 }, ...SERVED_HOSTS.map((host) => ({ host, target, errorAmountThreshold: 1_000_000 }))];
  const fleet = await openBenchFleet(documentsOf(policies));
  stage.onClose(() => fleet.close());
  const ingest = await fleet.stage.ingest();
  const start = async (workers: number): Promise<Subject> => {
    const proxy = await fleet.stage.proxy({ FUSEBOARD_PROXY_WORKERS: `${workers}`, ...profiled().env });
    stage.onClose(() => proxy.stop());
    await fleet.stage.ready([ingest, proxy]);
    await openBreaker(proxy, workers);
    return { name: 'fuseboard', pid: proxy.pid, port: proxy.proxy.port };
  };
  return { start };
}

/** Each worker holds its own state: all of them are to refuse. */
async function openBreaker(proxy: ProxyMember, workers: number): Promise<void> {
  const refuses = async () => {
    const ends = await Promise.all(Array.from({ length: CALLS_PER_WORKER * workers }, () => call({ proxy: proxy.proxy, host: REFUSED_HOST, path: FAIL_PATH })));
    return ends.every(({ degraded }) => degraded) || undefined;
  };
  await proxy.until('the breaker to be open', refuses, OPENS_WITHIN_MS);
}

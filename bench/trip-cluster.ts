/**
 * The trip once more as a company runs Kafka: three brokers, three replicas, acks=all with min.insync.replicas=2, while
 * ingest folds half of what this machine carries from a producer through the brokers into it. The floor goes through the
 * same brokers beside the same load. Goal: p99 at most 2 times the floor's.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { startKafkaCluster } from '../test/support/services/kafka-cluster.ts';
import { startRedis } from '../test/support/services/redis.ts';
import { documentsOf, openBenchFleet, PARTITIONS, type BenchFleet } from './fleet.ts';
import { hostOf, measure, type TripRow } from './trip.ts';
import type { LoadOrder, LoadReport } from './trip-load.ts';

const COUNTS = { warmUp: 60, trips: 200 };
const LOAD_HOSTS = Array.from({ length: 100 }, (_, each) => `load-${each}.bench.local`);
/** As much as goes, for so long, says what half of it is, ms. */
const FLAT_OUT_MS = 8_000;

export interface ClusterTripRow extends TripRow {
  /** Records a second that ingest folds beside. */
  readonly loadPerSecond: number;
}

export async function run(): Promise<ClusterTripRow[]> {
  const [cluster, redis] = await Promise.all([startKafkaCluster({ brokers: 3, forLoad: true, say: console.log }), startRedis()]);
  const services = { kafkaBrokers: cluster.brokers, redisUrl: redis.url, how: '', stop: async () => void (await Promise.all([cluster.close(), redis.close()])) };
  const trips = Array.from({ length: COUNTS.warmUp + COUNTS.trips }, (_, trip) => ({ host: hostOf(trip), errorAmountThreshold: 1 }));
  const quiet = LOAD_HOSTS.map((host) => ({ host, errorAmountThreshold: 1_000_000 }));
  const fleet = await openBenchFleet(documentsOf([...trips, ...quiet]), { services });
  try {
    const ingest = await fleet.stage.ingest();
    await fleet.stage.ready([ingest]);
    const rate = Math.floor((await carried(fleet)) / 2);
    console.log(`load: ${rate} records a second, half of what goes from a producer through three brokers into ingest here`);
    const load = startLoad(fleet, rate);
    try {
      return (await measure(fleet, COUNTS)).map((row) => ({ ...row, loadPerSecond: rate }));
    } finally {
      load.kill();
    }
  } finally {
    await fleet.close();
    await services.stop();
  }
}

/** Records a second that ingest has folded while a producer sent what it could. */
async function carried(fleet: BenchFleet): Promise<number> {
  const redis = new Redis(fleet.services.redisUrl);
  const folded = async (): Promise<number> => {
    const nexts = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => redis.hget(`${fleet.prefix}:{${partition}}:meta`, 'next')));
    return nexts.reduce((sum, next) => sum + Number(next ?? 0), 0);
  };
  const load = startLoad(fleet);
  try {
    await once(load, 'message');
    const [fromMs, from] = [performance.now(), await folded()];
    await sleep(FLAT_OUT_MS);
    const rate = ((await folded()) - from) / ((performance.now() - fromMs) / 1_000);
    load.kill();
    // What waits is folded before anything is measured.
    for (let last = -1, now = await folded(); now !== last; last = now, now = await folded()) await sleep(1_500);
    return rate;
  } finally {
    load.kill();
    redis.disconnect();
  }
}

function startLoad({ services, prefix }: BenchFleet, rate?: number): ChildProcess {
  const child = fork(fileURLToPath(new URL(`trip-load${extname(import.meta.url)}`, import.meta.url)));
  child.send({ kafkaBrokers: services.kafkaBrokers, topic: `${prefix}.outcomes`, hosts: LOAD_HOSTS, ...(rate !== undefined && { rate }) } satisfies LoadOrder);
  let last: LoadReport = { records: 0, tookMs: 0 };
  child.on('message', (report: LoadReport) => void (last = report));
  child.once('exit', () => console.log(`load: ${Math.round(last.records / (last.tookMs / 1_000))} records a second were acknowledged`));
  return child;
}

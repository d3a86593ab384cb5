/**
 * How long a trip takes: from the moment at which one proxy knows the deciding outcome until another proxy refuses. The
 * proxies are the parts that do this (reporter, state cache, drivers), two sets of them in this process with clients of
 * their own; ingest is its own process. In turns with it, in the same run, the floor: kafkajs produce → consume →
 * ioredis EVALSHA with PUBLISH → subscriber, which does nothing else. Goal: at most 1.5 times the floor at the median.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import kafkajs from 'kafkajs';
import { LogClock, Reporter, StateCache, type Decision } from '#engine';
import { partitionOf } from '#wire';
import { eventually } from '../test/support/eventually.ts';
import { PARTITIONS, documentsOf, openBenchFleet, type BenchFleet } from './fleet.ts';
import { percentile } from './percentiles.ts';
import type { FloorOrder } from './trip-floor.ts';

export interface TripCounts {
  /** A fresh broker is cold, and so is code that has hardly run; these are not counted. */
  readonly warmUp: number;
  readonly trips: number;
}

const COUNTS: TripCounts = { warmUp: 200, trips: 300 };
/** Between two trips, ms, so that they don't ride on each other's fetches. */
const PAUSE_MS = 15;
const FAILED = { result: { kind: 'status', code: 511 } } as const;

export interface TripRow {
  readonly what: string;
  readonly trips: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly ratioP50: number;
  readonly ratioP99: number;
}

export const hostOf = (trip: number): string => `trip-${trip}.bench.local`;

export async function run(): Promise<TripRow[]> {
  const policies = Array.from({ length: COUNTS.warmUp + COUNTS.trips }, (_, trip) => ({ host: hostOf(trip), errorAmountThreshold: 1 }));
  const fleet = await openBenchFleet(documentsOf(policies));
  try {
    const ingest = await fleet.stage.ingest();
    await fleet.stage.ready([ingest]);
    return await measure(fleet, COUNTS);
  } finally {
    await fleet.close();
  }
}

/** Each upstream of `hostOf` trips at its first error, by the fleet's documents; ingest is ready. */
export async function measure(fleet: BenchFleet, { warmUp, trips }: TripCounts): Promise<TripRow[]> {
  const [ours, floor] = [await openTrips(fleet), await openFloor(fleet)];
  const took = { ours: [] as number[], floor: [] as number[] };
  for (let trip = 0; trip < warmUp + trips; trip++) {
    const pair = [await floor.once(trip), await ours.once(trip)] as const;
    if (trip < warmUp) continue;
    took.floor.push(pair[0]);
    took.ours.push(pair[1]);
  }
  await floor.close();
  return print(took);
}

export interface Measured {
  /** ms. */
  readonly once: (trip: number) => Promise<number>;
  readonly close: () => Promise<void>;
}

export async function openTrips(fleet: BenchFleet): Promise<Measured> {
  const [reporting, refusing] = [await fleet.openDrivers('reporting'), await fleet.openDrivers('refusing')];
  const clock = new LogClock({ wallMs: Date.now, monotonicMs: () => performance.now() });
  const reporter = new Reporter(reporting.outcomes, { reporter: 'bench', idPrefix: `${Date.now()}-`, clock });
  const clocks = { nowMs: Date.now, monotonicMs: () => performance.now() };
  const caches = [newCache(clocks), newCache(clocks)] as const;
  let onUpdate = (): void => {};
  for (const [index, drivers] of [reporting, refusing].entries()) {
    const cache = caches[index as 0 | 1];
    await drivers.documentFeed.follow((documents) => cache.applyDocuments(documents));
    await drivers.stateFeed.follow((update) => {
      cache.applyStates(update);
      if (index === 1) onUpdate();
    });
  }
  const [admitting, asked] = caches;
  const decision = (host: string): Decision => asked.decide(host);
  return {
    once: async (trip) => {
      await sleep(PAUSE_MS);
      const upstream = hostOf(trip);
      const known = admitting.decide(upstream);
      const admitted = known.kind === 'admit' ? known.admitted : undefined;
      const refused = new Promise<number>((resolve) => {
        onUpdate = () => void (decision(upstream).kind === 'refuse' && resolve(performance.now()));
      });
      const startMs = performance.now();
      reporter.report({ upstream, ...FAILED, ...(admitted === undefined ? {} : { admitted }) });
      return (await refused) - startMs;
    },
    close: async () => {},
  };
}

function newCache(clocks: { nowMs: () => number; monotonicMs: () => number }): StateCache {
  return new StateCache({ ...clocks, partitions: PARTITIONS, partitionOf: (upstream) => partitionOf(upstream, PARTITIONS), stateMaxAgeMs: 60_000 });
}

async function openFloor({ services, prefix }: BenchFleet): Promise<Measured> {
  const name = `${prefix}.floor`;
  const kafka = new kafkajs.Kafka({ brokers: services.kafkaBrokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: name, numPartitions: PARTITIONS }], waitForLeaders: true });
  await admin.disconnect();
  const worker = fork(fileURLToPath(new URL(`trip-floor${extname(import.meta.url)}`, import.meta.url)));
  worker.send({ kafkaBrokers: services.kafkaBrokers, redisUrl: services.redisUrl, name } satisfies FloorOrder);
  await once(worker, 'message');
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const subscriber = new Redis(services.redisUrl);
  await subscriber.subscribe(name);
  let onMessage: (message: string) => void = () => {};
  subscriber.on('message', (channel, message) => channel === name && onMessage(message));
  const trip = async (value: string): Promise<number> => {
    const told = new Promise<number>((resolve) => {
      onMessage = (message) => void (message === value && resolve(performance.now()));
    });
    const startMs = performance.now();
    void producer.send({ topic: name, messages: [{ key: hostOf(Number(value)), value }] });
    return (await told) - startMs;
  };
  // The consumer has its partitions once a record has come through.
  await eventually(async () => await Promise.race([trip('-1'), sleep(1_000, undefined)]), { what: 'the floor to work', deadlineMs: 60_000 });
  return {
    once: async (number) => {
      await sleep(PAUSE_MS);
      return await trip(`${number}`);
    },
    close: async () => {
      await producer.disconnect();
      subscriber.disconnect();
      worker.kill();
    },
  };
}

function print(took: { readonly ours: readonly number[]; readonly floor: readonly number[] }): TripRow[] {
  const [floorP50, floorP99] = [percentile(took.floor, 0.5), percentile(took.floor, 0.99)];
  const rows = Object.entries({ 'floor: produce, consume, EVALSHA, PUBLISH': took.floor, 'fuseboard: known in A, refused by B': took.ours }).map(([what, samples]): TripRow => {
    const [p50Ms, p99Ms] = [percentile(samples, 0.5), percentile(samples, 0.99)];
    return { what, trips: samples.length, p50Ms, p99Ms, ratioP50: p50Ms / floorP50, ratioP99: p99Ms / floorP99 };
  });
  console.table(rows.map(({ what, trips, p50Ms, p99Ms, ratioP50, ratioP99 }) => ({
    what,
    trips,
    'p50 ms': Number(p50Ms.toFixed(2)),
    'p99 ms': Number(p99Ms.toFixed(2)),
    '× floor p50': Number(ratioP50.toFixed(2)),
    '× floor p99': Number(ratioP99.toFixed(2)),
  })));
  return rows;
}

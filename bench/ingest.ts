/**
 * How fast one ingest process gets through the log, its commits to Redis included, against a kafkajs consumer that only
 * parses the same records' JSON. Each reads a log that is full before it begins; the ingest does, since its Redis was
 * emptied (docs/operations.md). Also with merged records (L4), and with all of the load on one upstream, which is one
 * partition. Goals: 0.7 of the consumer; 2,000,000 merged calls a second.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { startServices, type Services } from '../test/support/services/start-services.ts';
import { documentsOf, openBenchFleet, type BenchFleet } from './fleet.ts';
import { PARTITIONS, fillLog, hostsOf, type LogOrder } from './ingest-log.ts';
import type { NoopOrder } from './ingest-noop.ts';
import { paceOf, type Pace } from './ingest-pace.ts';
import { chosen, numbered } from './proxy-world.ts';
import { openProfiles, profiled } from './proxy-profile.ts';

const ROUNDS = numbered('BENCH_ROUNDS', 3);
const RECORDS = numbered('BENCH_RECORDS', 600_000);
const MERGED_CALLS = 50;
const HOSTS = hostsOf(1_000);
const NEVER_TRIPS = 1_000_000_000;

const LOGS = {
  single: { records: RECORDS, upstreams: HOSTS, count: 1 },
  merged: { records: RECORDS, upstreams: HOSTS, count: MERGED_CALLS },
  'single hot': { records: RECORDS / 2, upstreams: HOSTS.slice(0, 1), count: 1 },
  'merged hot': { records: RECORDS / 2, upstreams: HOSTS.slice(0, 1), count: MERGED_CALLS },
} satisfies Readonly<Record<string, LogOrder>>;
type LogName = keyof typeof LOGS;

export interface IngestRow extends Pace {
  readonly log: LogName;
  readonly who: 'kafkajs and JSON.parse' | 'ingest';
  readonly callsPerSecond: number;
  /** Of the consumer's. */
  readonly ratio: number;
  readonly cpuRatio: number;
}

export async function run(): Promise<IngestRow[]> {
  const services = await startServices({ forLoad: true });
  const printProfiles = openProfiles();
  try {
    const rows: IngestRow[] = [];
    for (const log of chosen('BENCH_LOGS', Object.keys(LOGS) as LogName[])) rows.push(...(await measure(log, LOGS[log], services)));
    print(rows);
    return rows;
  } finally {
    await services.stop();
    printProfiles();
  }
}

async function measure(log: LogName, order: LogOrder, services: Services): Promise<IngestRow[]> {
  const policies = HOSTS.map((host) => ({ host, errorAmountThreshold: NEVER_TRIPS }));
  const fleet = await openBenchFleet(documentsOf(policies), { partitions: PARTITIONS, services });
  const redis = new Redis(services.redisUrl);
  try {
    const first = await fleet.stage.ingest();
    await fleet.stage.ready([first]);
    await first.stop();
    await fillLog(fleet, order);
    const paces = { noop: [] as Pace[], ingest: [] as Pace[] };
    for (let round = 0; round < ROUNDS; round++) {
      paces.noop.push(await noopPace(fleet, order.records));
      paces.ingest.push(await ingestPace(fleet, redis, order.records));
    }
    const [noop, ingest] = [best(paces.noop), best(paces.ingest)];
    const row = (who: IngestRow['who'], pace: Pace): IngestRow => ({
      log,
      who,
      ...pace,
      callsPerSecond: pace.recordsPerSecond * order.count,
      ratio: pace.recordsPerSecond / noop.recordsPerSecond,
      cpuRatio: noop.cpuUsPerRecord / pace.cpuUsPerRecord,
    });
    return [row('kafkajs and JSON.parse', noop), row('ingest', ingest)];
  } finally {
    redis.disconnect();
    await fleet.close();
  }
}

/** What else the machine does slows both alike; the best round is the one that it slowed least. */
function best(paces: readonly Pace[]): Pace {
  return { recordsPerSecond: Math.max(...paces.map((pace) => pace.recordsPerSecond)), cpuUsPerRecord: Math.min(...paces.map((pace) => pace.cpuUsPerRecord)) };
}

export async function noopPace({ services, prefix }: BenchFleet, records: number): Promise<Pace> {
  const child = fork(fileURLToPath(new URL(`./ingest-noop${extname(import.meta.filename)}`, import.meta.url)), {
    // kafkajs' own, and harmless.
    execArgv: [...process.execArgv, '--disable-warning=TimeoutNegativeWarning'],
  });
  let parsed = 0;
  child.on('message', (count: number) => (parsed = count));
  child.send({ kafkaBrokers: services.kafkaBrokers, topic: `${prefix}.outcomes` } satisfies NoopOrder);
  const pace = await paceOf(() => parsed, { records, pids: [child.pid as number] });
  child.disconnect();
  await once(child, 'exit');
  return pace;
}

/** From the log's beginning, as its store is empty. */
async function ingestPace(fleet: BenchFleet, redis: Redis, records: number): Promise<Pace> {
  const keys = await redis.keys(`${fleet.prefix}:*`);
  if (keys.length > 0) await redis.del(...keys);
  const ingest = await fleet.stage.ingest(profiled().env);
  const pace = await paceOf(() => committed(redis, fleet.prefix), { records, pids: [ingest.pid] });
  await fleet.stage.ready([ingest]);
  await ingest.stop();
  return pace;
}

/** Records that the store stands for. */
export async function committed(redis: Redis, prefix: string): Promise<number> {
  const nexts = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => redis.hget(`${prefix}:{${partition}}:meta`, 'next')));
  return nexts.reduce((sum, next) => sum + Number(next ?? 0), 0);
}

function print(rows: readonly IngestRow[]): void {
  console.table(rows.map(({ log, who, recordsPerSecond, callsPerSecond, cpuUsPerRecord, ratio, cpuRatio }) => ({
    log,
    who,
    'records/s': Math.round(recordsPerSecond),
    'calls/s': Math.round(callsPerSecond),
    'CPU µs a record': Number(cpuUsPerRecord.toFixed(2)),
    '× kafkajs': Number(ratio.toFixed(2)),
    '× kafkajs by CPU': Number(cpuRatio.toFixed(2)),
  })));
}

/**
 * `fuseboard verify` over a large log: seconds and CPU seconds for a million records, its start and its look at Redis and
 * the transitions included, beside a kafkajs consumer that only parses the same records' JSON.
 */
import { Redis } from 'ioredis';
import { run as command } from '../test/support/command.ts';
import { eventually } from '../test/support/eventually.ts';
import { startServices, type Services } from '../test/support/services/start-services.ts';
import { documentsOf, openBenchFleet, type BenchFleet } from './fleet.ts';
import { committed, noopPace } from './ingest.ts';
import { PARTITIONS, fillLog, hostsOf } from './ingest-log.ts';
import type { Pace } from './ingest-pace.ts';
import { openProfiles, profiled } from './proxy-profile.ts';
import { endedChildrenCpuSeconds } from './proxy-subjects.ts';
import { numbered } from './proxy-world.ts';

const ROUNDS = numbered('BENCH_ROUNDS', 2);
const RECORDS = numbered('BENCH_RECORDS', 2_000_000);
const HOSTS = hostsOf(1_000);
const NEVER_TRIPS = 1_000_000_000;
const FOLDED_WITHIN_MS = 300_000;

export interface VerifyRow {
  readonly who: 'kafkajs and JSON.parse' | 'fuseboard verify';
  /** For a million records. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of the consumer's. */
  readonly ratio: number;
  readonly cpuRatio: number;
}

export async function run(): Promise<VerifyRow[]> {
  const services = await startServices({ forLoad: true });
  const printProfiles = openProfiles();
  const fleet = await openBenchFleet(documentsOf(HOSTS.map((host) => ({ host, errorAmountThreshold: NEVER_TRIPS }))), { partitions: PARTITIONS, services });
  try {
    await foldLog(fleet);
    const paces = { noop: [] as Pace[], verify: [] as Pace[] };
    for (let round = 0; round < ROUNDS; round++) {
      paces.noop.push(await noopPace(fleet, RECORDS));
      paces.verify.push(await verifyPace(fleet, services));
    }
    const rows = rowsOf(paces);
    console.table(rows.map(({ who, seconds, cpuSeconds, ratio, cpuRatio }) => ({
      who,
      's a million': Number(seconds.toFixed(2)),
      'CPU s a million': Number(cpuSeconds.toFixed(2)),
      '× kafkajs': Number(ratio.toFixed(2)),
      '× kafkajs by CPU': Number(cpuRatio.toFixed(2)),
    })));
    return rows;
  } finally {
    await fleet.close();
    await services.stop();
    printProfiles();
  }
}

/** The log, and what an ingest made of it. */
async function foldLog(fleet: BenchFleet): Promise<void> {
  const ingest = await fleet.stage.ingest();
  await fleet.stage.ready([ingest]);
  await fillLog(fleet, { records: RECORDS, upstreams: HOSTS, count: 1 });
  const redis = new Redis(fleet.services.redisUrl);
  await eventually(async () => ((await committed(redis, fleet.prefix)) >= RECORDS ? true : undefined), { what: 'the log to be folded', deadlineMs: FOLDED_WITHIN_MS, everyMs: 200 });
  redis.disconnect();
  await ingest.stop();
}

/** @throws Error it found a difference */
async function verifyPace({ prefix }: BenchFleet, { kafkaBrokers, redisUrl }: Services): Promise<Pace> {
  const env = { FUSEBOARD_KAFKA_BROKERS: kafkaBrokers, FUSEBOARD_REDIS_URL: redisUrl, FUSEBOARD_TOPIC_PREFIX: `${prefix}.`, FUSEBOARD_REDIS_PREFIX: `${prefix}:`, FUSEBOARD_PARTITIONS: `${PARTITIONS}` };
  const [startMs, cpuBefore] = [performance.now(), endedChildrenCpuSeconds()];
  const { status, stdout, stderr } = await command(['verify', '-o', 'json'], { env: { ...env, ...profiled().env } });
  if (status !== 0) throw new Error(`fuseboard verify ended with ${status}: ${stdout.slice(0, 2_000)}${stderr}`);
  const { outcomes } = JSON.parse(stdout) as { outcomes: number };
  if (outcomes !== RECORDS) throw new Error(`fuseboard verify compared ${outcomes} of ${RECORDS} outcomes`);
  return { recordsPerSecond: (RECORDS / (performance.now() - startMs)) * 1_000, cpuUsPerRecord: ((endedChildrenCpuSeconds() - cpuBefore) / RECORDS) * 1e6 };
}

/** What else the machine does slows both alike; the best round is the one that it slowed least. */
function rowsOf({ noop, verify }: { readonly noop: readonly Pace[]; readonly verify: readonly Pace[] }): VerifyRow[] {
  const best = (paces: readonly Pace[]) => ({ seconds: 1e6 / Math.max(...paces.map((pace) => pace.recordsPerSecond)), cpuSeconds: Math.min(...paces.map((pace) => pace.cpuUsPerRecord)) });
  const peer = best(noop);
  const row = (who: VerifyRow['who'], of: typeof peer): VerifyRow => ({ who, ...of, ratio: of.seconds / peer.seconds, cpuRatio: of.cpuSeconds / peer.cpuSeconds });
  return [row('kafkajs and JSON.parse', peer), row('fuseboard verify', best(verify))];
}

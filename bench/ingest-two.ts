/**
 * Two ingests of one group, six partitions each, against one that has all twelve. On a machine whose cores broker and
 * Redis need as well, a second ingest would show how many cores there are; so each process has the same share of a core to
 * itself, small enough that neither the broker nor Redis is the limit. What they need beside it is told too, as CPU for
 * each record: were work done twice, it would be there. Goal: 1.7 of one.
 */
import { Redis } from 'ioredis';
import { eventually } from '../test/support/eventually.ts';
import type { Member } from '../test/support/fleet.ts';
import { startServices, type Services } from '../test/support/services/start-services.ts';
import { canLimitCpu, limitCpu } from './cpu-quota.ts';
import { documentsOf, openBenchFleet } from './fleet.ts';
import { PARTITIONS, fillLog, hostsOf } from './ingest-log.ts';
import { paceOf, type Pace } from './ingest-pace.ts';
import { committed } from './ingest.ts';
import { numbered } from './proxy-world.ts';

const ROUNDS = numbered('BENCH_ROUNDS', 2);
const RECORDS = numbered('BENCH_RECORDS', 400_000);
/** Of a core, in hundredths, for each ingest. */
const SHARE = numbered('BENCH_SHARE', 15) / 100;
const HOSTS = hostsOf(1_000);
const NEVER_TRIPS = 1_000_000_000;
const SHARED_OUT_WITHIN_MS = 60_000;

export interface IngestTwoRow extends Pace {
  readonly ingests: number;
  /** Of one ingest's. */
  readonly ratio: number;
  readonly cpuRatio: number;
}

export async function run(): Promise<IngestTwoRow[]> {
  if (!canLimitCpu()) throw new Error('this needs a control group for CPU (Linux, root): without a share of its own for each ingest it would measure the number of cores');
  const services = await startServices({ forLoad: true });
  try {
    const paces = new Map<number, Pace[]>([[1, []], [2, []]]);
    for (let round = 0; round < ROUNDS; round++) for (const [ingests, each] of paces) each.push(await pace(ingests, services));
    const best = (each: readonly Pace[]): Pace => ({ recordsPerSecond: Math.max(...each.map((one) => one.recordsPerSecond)), cpuUsPerRecord: Math.min(...each.map((one) => one.cpuUsPerRecord)) });
    const alone = best(paces.get(1) ?? []);
    const rows = [...paces].map(([ingests, each]) => ({ ingests, ...best(each) })).map((row) => ({ ...row, ratio: row.recordsPerSecond / alone.recordsPerSecond, cpuRatio: row.cpuUsPerRecord / alone.cpuUsPerRecord }));
    print(rows);
    return rows;
  } finally {
    await services.stop();
  }
}

/** From when the log is full. They have their partitions before: who begins with a full log would have read it by then. */
async function pace(ingests: number, services: Services): Promise<Pace> {
  const fleet = await openBenchFleet(documentsOf(HOSTS.map((host) => ({ host, errorAmountThreshold: NEVER_TRIPS }))), { partitions: PARTITIONS, services });
  const redis = new Redis(services.redisUrl);
  const undo: (() => void)[] = [];
  try {
    const members = await Promise.all(Array.from({ length: ingests }, () => fleet.stage.ingest()));
    await fleet.stage.ready(members);
    for (const member of members) await eventually(async () => (await partitionsOf(member)) === PARTITIONS / ingests || undefined, { what: `${PARTITIONS / ingests} partitions in each`, deadlineMs: SHARED_OUT_WITHIN_MS });
    for (const { pid } of members) undo.push(limitCpu(pid, SHARE));
    await fillLog(fleet, { records: RECORDS, upstreams: HOSTS, count: 1 });
    const from = await committed(redis, fleet.prefix);
    return await paceOf(async () => (await committed(redis, fleet.prefix)) - from, { records: RECORDS - from, pids: members.map(({ pid }) => pid) });
  } finally {
    for (const each of undo) each();
    redis.disconnect();
    await fleet.close();
  }
}

async function partitionsOf({ admin }: Member): Promise<number> {
  const text = await (await fetch(`http://${admin.host}:${admin.port}/metrics`)).text();
  return text.match(/^fuseboard_partition_next_offset\{/gm)?.length ?? 0;
}

function print(rows: readonly IngestTwoRow[]): void {
  console.table(rows.map(({ ingests, recordsPerSecond, cpuUsPerRecord, ratio, cpuRatio }) => ({
    ingests,
    'of a core, each': SHARE,
    'records/s': Math.round(recordsPerSecond),
    '× one': Number(ratio.toFixed(2)),
    'CPU µs a record, all': Number(cpuUsPerRecord.toFixed(2)),
    'CPU × one': Number(cpuRatio.toFixed(2)),
  })));
}

/**
 * What a kill -9 of the active ingest in the middle of a trip adds to it, with a hot standby and without, and what the
 * standby costs. Goal: with a standby at most 50 ms more than with the active alive.
 *
 * In each round an active and a standby fold all partitions. Trips are measured one after the other, then one whose
 * outcome is on its way as the active is killed, then a new active begins. Trips of both kinds are told apart in the
 * same rounds, so that what disturbs the machine disturbs both.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { eventually } from '../test/support/eventually.ts';
import type { Member } from '../test/support/fleet.ts';
import { PARTITIONS, documentsOf, openBenchFleet, type BenchFleet } from './fleet.ts';
import { percentile } from './percentiles.ts';
import { hostOf, openTrips } from './trip.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 10);
const WARM_UP = 100;
const TRIPS_A_ROUND = 5;
/** Enough to meet a partition of the killed one's. */
const TRIPS_WITHOUT = 10;
const QUIET_BATCHES = 200;
const QUIET_BATCH = 25;
const QUIET_EACH_MS = 50;
/** Clock ticks a second in /proc, as Linux has them. */
const TICKS_PER_SECOND = 100;

export interface TripRow {
  readonly what: string;
  readonly trips: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly maxMs: number;
}

/** For each 1,000 healthy outcomes, at 500 a second. */
export interface PriceRow {
  readonly what: string;
  readonly cpuMs: number;
  readonly luaCalls: number;
  readonly redisBytesIn: number;
}

export async function run(): Promise<{ trips: TripRow[]; price: PriceRow[] }> {
  const hosts = WARM_UP + ROUNDS * (TRIPS_A_ROUND + 1) + TRIPS_WITHOUT;
  const fleet = await openBenchFleet(documentsOf([...Array.from({ length: hosts }, (_, trip) => ({ host: hostOf(trip), errorAmountThreshold: 1 })), { host: QUIET_HOST, errorAmountThreshold: 1 }]));
  const redis = new Redis(fleet.services.redisUrl);
  try {
    let active = await fleet.stage.ingest();
    await fleet.stage.ready([active]);
    const trips = await openTrips(fleet);
    let trip = 0;
    const next = async (): Promise<number> => await trips.once(trip++);
    for (let left = WARM_UP; left > 0; left--) await next();
    const price = [await priceOf('active alone', [active], { fleet, redis })];
    const standby = await fleet.stage.ingest({ FUSEBOARD_STANDBY: 'true' });
    await folding(standby);
    price.push(await priceOf('active and standby', [active, standby], { fleet, redis }));
    const alive: number[] = [];
    const killed: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (let left = TRIPS_A_ROUND; left > 0; left--) alive.push(await next());
      const tripping = next();
      await active.kill();
      killed.push(await tripping);
      active = await fleet.stage.ingest();
      await folding(active);
    }
    const without = await killWithout({ fleet, active, standby, next });
    const rows = [rowOf('active and standby alive', alive), rowOf('active killed meanwhile, with standby', killed), rowOf('active killed, without standby', without)];
    console.table(rows);
    console.log(`a kill adds ${((rows[1]?.p50Ms ?? 0) - (rows[0]?.p50Ms ?? 0)).toFixed(1)} ms in the median, ${((rows[1]?.maxMs ?? 0) - (rows[0]?.p50Ms ?? 0)).toFixed(1)} at most (goal: 50); without a standby ${((rows[2]?.maxMs ?? 0) - (rows[0]?.p50Ms ?? 0)).toFixed(0)}`);
    console.table(price);
    return { trips: rows, price };
  } finally {
    redis.disconnect();
    await fleet.close();
  }
}

const QUIET_HOST = 'quiet.test';

/** Two of one group, and no standby: the session must end before the other folds on. */
async function killWithout({ fleet, active, standby, next }: { fleet: BenchFleet; active: Member; standby: Member; next: () => Promise<number> }): Promise<number[]> {
  const other = await fleet.stage.ingest();
  await fleet.stage.ready([other]);
  await standby.kill();
  await active.kill();
  const took: number[] = [];
  for (let left = TRIPS_WITHOUT; left > 0; left--) took.push(await next());
  return took;
}

function rowOf(what: string, took: readonly number[]): TripRow {
  return { what, trips: took.length, p50Ms: percentile(took, 0.5), p90Ms: percentile(took, 0.9), maxMs: Math.max(...took) };
}

async function priceOf(what: string, members: readonly Member[], { fleet, redis }: { fleet: BenchFleet; redis: Redis }): Promise<PriceRow> {
  const drivers = await fleet.openDrivers(`quiet-${members.length}`);
  const before = { cpuMs: cpuMsOf(members), ...(await redisCounts(redis)) };
  for (let batch = 0; batch < QUIET_BATCHES; batch++) {
    const outcome = { upstream: QUIET_HOST, reporter: 'bench', count: 1, durationMs: 5, result: { kind: 'status', code: 200 } } as const;
    await drivers.outcomes.append(Array.from({ length: QUIET_BATCH }, (_, n) => ({ ...outcome, id: `${what}-${batch}-${n}`, atMs: Date.now() })));
    await sleep(QUIET_EACH_MS);
  }
  const after = { cpuMs: cpuMsOf(members), ...(await redisCounts(redis)) };
  const each = (key: keyof typeof before): number => ((after[key] - before[key]) * 1_000) / (QUIET_BATCHES * QUIET_BATCH);
  return { what, cpuMs: each('cpuMs'), luaCalls: each('luaCalls'), redisBytesIn: each('bytesIn') };
}

async function folding(ingest: Member): Promise<void> {
  const isFolding = (): true | undefined => (ingest.log.filter(({ msg }) => msg.includes('is folded here')).length >= PARTITIONS ? true : undefined);
  await eventually(isFolding, { what: 'an ingest to fold all partitions', deadlineMs: 60_000 });
}

function cpuMsOf(members: readonly Member[]): number {
  const ticks = members.map(({ pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return (ticks.reduce((sum, each) => sum + each, 0) * 1_000) / TICKS_PER_SECOND;
}

async function redisCounts(redis: Redis): Promise<{ luaCalls: number; bytesIn: number }> {
  const stats = [await redis.info('stats'), await redis.info('commandstats')].join('\n');
  const luaCalls = [...stats.matchAll(/cmdstat_(?:evalsha|eval|fcall):calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
  return { luaCalls, bytesIn: Number(/total_net_input_bytes:(\d+)/.exec(stats)?.[1]) };
}

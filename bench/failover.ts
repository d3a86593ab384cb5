/**
 * What a kill -9 of the active ingest adds to a trip, with a hot standby and without, and what the standby costs: CPU of
 * all ingests and Lua calls in Redis, for the same trips. The first trip begins as soon as the killed one is gone.
 * Goal: with a standby, at most 50 ms more than with the active alive.
 */
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { eventually } from '../test/support/eventually.ts';
import type { Member } from '../test/support/fleet.ts';
import { PARTITIONS, documentsOf, openBenchFleet } from './fleet.ts';
import { percentile } from './percentiles.ts';
import { hostOf, openTrips } from './trip.ts';

const WARM_UP = 150;
const TRIPS = 100;
/** Enough to meet a partition of the killed one's. */
const TRIPS_WITHOUT = 10;
/** Clock ticks a second in /proc, as Linux has them. */
const TICKS_PER_SECOND = 100;

export interface FailoverRow {
  readonly what: string;
  readonly trips: number;
  /** The first, which begins as soon as the killed one is gone. */
  readonly firstMs: number;
  readonly p50Ms: number;
  readonly maxMs: number;
  /** Of all ingests that live to the end, a trip. */
  readonly cpuMs: number;
  /** In Redis, a trip. */
  readonly luaCalls: number;
}

export async function run(): Promise<FailoverRow[]> {
  const policies = Array.from({ length: WARM_UP + 3 * TRIPS + TRIPS_WITHOUT }, (_, trip) => ({ host: hostOf(trip), errorAmountThreshold: 1 }));
  const fleet = await openBenchFleet(documentsOf(policies));
  const redis = new Redis(fleet.services.redisUrl);
  try {
    const active = await fleet.stage.ingest();
    await fleet.stage.ready([active]);
    const trips = await openTrips(fleet);
    let trip = 0;
    const measure = async (what: string, count: number, members: readonly Member[]): Promise<FailoverRow> => {
      const [cpu, lua] = [cpuMsOf(members), await luaCallsOf(redis)];
      const took: number[] = [];
      for (let left = count; left > 0; left--) took.push(await trips.once(trip++));
      const each = { cpuMs: (cpuMsOf(members) - cpu) / count, luaCalls: ((await luaCallsOf(redis)) - lua) / count };
      return { what, trips: count, firstMs: took[0] ?? Number.NaN, p50Ms: percentile(took, 0.5), maxMs: Math.max(...took), ...each };
    };
    await measure('warm up', WARM_UP, [active]);
    const rows = [await measure('active alone', TRIPS, [active])];
    const standby = await fleet.stage.ingest({ FUSEBOARD_STANDBY: 'true' });
    await folding(standby);
    rows.push(await measure('active and standby', TRIPS, [active, standby]));
    await active.kill();
    rows.push(await measure('active killed, with standby', TRIPS, [standby]));
    // The other of its group, and no standby.
    const next = await fleet.stage.ingest();
    await folding(next);
    const other = await fleet.stage.ingest();
    await fleet.stage.ready([other]);
    await standby.kill();
    await next.kill();
    rows.push(await measure('active killed, without', TRIPS_WITHOUT, [other]));
    console.table(rows);
    return rows;
  } finally {
    redis.disconnect();
    await fleet.close();
  }
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

async function luaCallsOf(redis: Redis): Promise<number> {
  const stats = await redis.info('commandstats');
  return [...stats.matchAll(/cmdstat_(?:evalsha|eval|fcall):calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

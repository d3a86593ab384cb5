/**
 * `npm run bench -- soak --minutes 60`: a fleet under a steady load, with trips and closings going on, for as long as that,
 * once each partition remembers as many ids as it ever will.
 * Each five seconds memory, lag, delays and handles are looked at; at the end each one's trend over the second half is told,
 * and the books of all that was sent must equal what was folded, exactly, as `fuseboard verify` must find.
 *
 * Flat: what a figure grew by over the second half, by the straight line that fits it best, is below a twentieth of its mean
 * or below what is allowed for it here.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { PARTITIONS, STEADY } from '../test/faults/upstreams.ts';
import { World } from '../test/faults/world.ts';
import { eventually } from '../test/support/eventually.ts';
import type { Member } from '../test/support/fleet.ts';
import { startServices } from '../test/support/services/start-services.ts';
import { residentBytes } from './proxy-subjects.ts';
import { numbered } from './proxy-world.ts';

const SAMPLE_EACH_MS = 5_000;
/** K4, of a partition; and how many are sent at once to have them. */
const IDS_MAX = 65_536;
const FILL_RECORDS = 800;
const HOUR_MS = 3_600_000;
const GROWTH_MAX = 0.05;
/** What each may grow by, whatever its mean. */
const ALLOWED = {
  'RSS, MB': 10,
  'heap, MB': 10,
  'open files': 3,
  'event-loop delay p99, ms': 10,
  'lag, records': 100,
  'acknowledged until in the store, ms': 50,
  // Less the ids of outcomes, which grow to 65,536 for each partition.
  'Redis memory without ids, MB': 0.5,
} as const;
type Figure = keyof typeof ALLOWED;

interface Sample {
  readonly atMs: number;
  /** By whose and which: `ingest RSS, MB`. */
  readonly values: ReadonlyMap<string, number>;
}

export interface SoakRow {
  readonly of: string;
  readonly figure: Figure;
  readonly first: number;
  /** Of the second half. */
  readonly mean: number;
  readonly max: number;
  readonly slopePerHour: number;
  readonly grownBy: number;
  readonly isFlat: boolean;
}

export interface Soak {
  readonly minutes: number;
  readonly samples: number;
  readonly rows: readonly SoakRow[];
  /** What was compared at the end, in words. */
  readonly equal: string;
}

export async function run(): Promise<Soak> {
  const minutes = numbered('BENCH_MINUTES', 60);
  const services = await startServices({ forLoad: true });
  const world = new World(services);
  const redis = new Redis(services.redisUrl);
  try {
    await world.open();
    await world.afterCalm(() => {});
    await fillIds(world);
    const samples = await sampled(world, redis, minutes * 60_000);
    const rows = rowsOf(samples);
    print(rows);
    const { what } = await world.proven('');
    console.log(what);
    const bent = rows.filter(({ isFlat }) => !isFlat);
    console.log(bent.length === 0 ? `flat over the second half of ${minutes} minutes` : `not flat: ${bent.map(({ of, figure }) => `${of} ${figure}`).join(', ')}`);
    return { minutes, samples: samples.length, rows, equal: what };
  } finally {
    redis.disconnect();
    await world.close();
    await services.stop();
  }
}

/** Else memory would grow for as long as the first partition has room for one more: with the steady load for 20 minutes. */
async function fillIds(world: World): Promise<void> {
  const each = FILL_RECORDS / STEADY.length;
  const records = STEADY.flatMap((upstream) => Array.from({ length: each }, () => ({ upstream, status: 200, durationMs: 3 })));
  for (let left = IDS_MAX * PARTITIONS; left > 0; left -= records.length) await world.ledger.send(records);
  await eventually(async () => ((await lag(world)) < FILL_RECORDS ? true : undefined), { what: 'what was sent to be folded', deadlineMs: 120_000, everyMs: 500 });
}

async function sampled(world: World, redis: Redis, forMs: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const startMs = performance.now(); performance.now() - startMs < forMs; ) {
    const atMs = performance.now();
    const values = new Map<string, number>();
    const enter = (of: string, found: Partial<Record<Figure, number>>): void => {
      for (const [figure, value] of Object.entries(found)) values.set(`${of}|${figure}`, value);
    };
    for (const [n, member] of world.ingests.entries()) enter(`ingest ${n + 1}`, await ofProcess(member));
    for (const [n, member] of world.proxies.entries()) enter(`proxy ${n + 1}`, await ofProcess(member));
    enter('fleet', { 'lag, records': await lag(world), 'acknowledged until in the store, ms': (await world.handOver()) * 1_000 });
    enter('fleet', { 'Redis memory without ids, MB': await redisMb(redis, world.prefix) });
    samples.push({ atMs: atMs - startMs, values });
    await sleep(Math.max(0, atMs + SAMPLE_EACH_MS - performance.now()));
  }
  return samples;
}

async function ofProcess({ admin, pid }: Member): Promise<Partial<Record<Figure, number>>> {
  // Once: the event loop's delay is told since it was asked for last.
  const page = await (await fetch(`http://${admin.host}:${admin.port}/metrics`)).text();
  const told = (series: string): number => {
    const line = page.split('\n').find((each) => each.startsWith(`${series} `));
    if (line === undefined) throw new Error(`/metrics has no ${series}`);
    return Number(line.slice(series.length));
  };
  return {
    'RSS, MB': residentBytes(pid) / 1e6,
    'heap, MB': told('nodejs_heap_size_used_bytes') / 1e6,
    'open files': told('process_open_fds'),
    'event-loop delay p99, ms': told('fuseboard_event_loop_delay_seconds{statistic="p99"}') * 1_000,
  };
}

/** Records that are in the log and not in the store. */
async function lag(world: World): Promise<number> {
  const ends = await world.admin((admin) => admin.fetchTopicOffsets(`${world.prefix}.outcomes`));
  const next = await world.positions.next();
  return ends.reduce((sum, { partition, high }) => sum + Math.max(0, Number(high) - (next[partition] ?? 0)), 0);
}

async function redisMb(redis: Redis, prefix: string): Promise<number> {
  const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  const ids = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => redis.memory('USAGE', `${prefix}:{${partition}}:ids`)));
  return (used - ids.reduce<number>((sum, each) => sum + (each ?? 0), 0)) / 1e6;
}

function rowsOf(samples: readonly Sample[]): SoakRow[] {
  const half = samples.slice(Math.floor(samples.length / 2));
  const spanMs = (half.at(-1)?.atMs ?? 0) - (half[0]?.atMs ?? 0);
  return [...(samples[0]?.values.keys() ?? [])].map((key) => {
    const [of, figure] = key.split('|') as [string, Figure];
    const values = half.map((sample) => sample.values.get(key) as number);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const slope = slopeOf(half.map(({ atMs }) => atMs), values);
    const grownBy = slope * spanMs;
    const isFlat = grownBy <= Math.max(GROWTH_MAX * mean, ALLOWED[figure]);
    return { of, figure, first: samples[0]?.values.get(key) as number, mean, max: Math.max(...values), slopePerHour: slope * HOUR_MS, grownBy, isFlat };
  });
}

/** Least squares. */
function slopeOf(xs: readonly number[], ys: readonly number[]): number {
  const mean = (of: readonly number[]): number => of.reduce((sum, each) => sum + each, 0) / of.length;
  const [x, y] = [mean(xs), mean(ys)];
  const across = xs.reduce((sum, each, n) => sum + (each - x) * ((ys[n] as number) - y), 0);
  return across / xs.reduce((sum, each) => sum + (each - x) ** 2, 0);
}

function print(rows: readonly SoakRow[]): void {
  const shown = (value: number): number => Number(value.toFixed(1));
  console.table(rows.map(({ of, figure, first, mean, max, slopePerHour, grownBy, isFlat }) => ({
    of,
    figure,
    first: shown(first),
    mean: shown(mean),
    max: shown(max),
    'slope an hour': shown(slopePerHour),
    'grown by': shown(grownBy),
    flat: isFlat ? 'yes' : 'NO',
  })));
}

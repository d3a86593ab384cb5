/**
 * A change reaches everybody: 1,000 watchers on one console, a process as in production, each with a connection of its own;
 * beside them, in the same run, Redis telling as many subscribers the same commit. From the call of the commit until a
 * watcher has read it. Goal: p99 at most 200 ms. Then one watcher is stopped (SIGSTOP): the others are told as before, and
 * the console holds no more. The watchers share the machine's cores with what they watch.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import type { Snapshot } from '#engine';
import { formatAddress } from '#runtime';
import { eventually } from '../test/support/eventually.ts';
import { freeze } from '../test/support/freeze.ts';
import { openBenchFleet, type BenchFleet } from './fleet.ts';
import { percentile } from './percentiles.ts';
import { machineMs, type MembersOrder, type MembersReport } from './watchers-members.ts';

const WATCHERS = Number(process.env['BENCH_WATCHERS'] ?? 1_000);
const CHANGES = Number(process.env['BENCH_CHANGES'] ?? 80);
const PROCESSES = 4;
const WARM_UP = 10;
/** Between two changes, so that none rides on another, ms. */
const PAUSE_MS = 150;
const IDLE_MS = 5_000;
const UPSTREAM = 'watched.bench.local';
/** While one watcher stands still: many changes of many upstreams, all of which would wait for it somewhere. */
const FLOOD = { upstreams: 500, commits: 200 };

export interface WatchersRow {
  readonly what: string;
  readonly watchers: number;
  readonly changes: number;
  /** Of all watchers and changes, ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Until the last watcher has it, ms. */
  readonly allP50Ms: number;
  readonly allP99Ms: number;
  /** Of who tells, for each change, without what it costs at rest, ms. */
  readonly cpuMs: number;
  /** Of who tells, at rest, share of a core. */
  readonly idleCores: number;
  /** Of who tells, for each watcher, KiB. */
  readonly kibEach: number;
}

/** By how much the console's resident memory grew over one flood, KiB. */
interface FloodKib {
  readonly allTake: number;
  readonly oneStopped: number;
}

/** Who tells: what it has used so far. */
interface Teller {
  readonly cpuMs: () => Promise<number>;
  readonly kib: () => Promise<number>;
}

export async function run(): Promise<{ rows: WatchersRow[]; floodKib: FloodKib }> {
  const fleet = await openBenchFleet('');
  const redis = new Redis(fleet.services.redisUrl);
  try {
    const commits = await openCommits(fleet);
    await commits.change(1);
    const console = await fleet.stage.console();
    await eventually(async () => await console.client.findBreaker(UPSTREAM).catch(() => undefined), { what: 'the console to know the watched upstream', deadlineMs: 60_000 });
    const [ofConsole, ofRedis] = [processTeller(console.pid), redisTeller(redis)];
    const address = { console: formatAddress(console.grpc) };
    const channel = { redisUrl: fleet.services.redisUrl, channel: `${fleet.prefix}:{0}:changes` };
    const peer = await measure({ what: 'Redis Pub/Sub', of: channel, teller: ofRedis, commits });
    const ours = await measure({ what: 'console', of: address, teller: ofConsole, commits });
    const stopped = await withOneStopped({ of: address, teller: ofConsole, commits });
    const rows = [peer, ours, stopped.row];
    print(rows, stopped.floodKib);
    return { rows, floodKib: stopped.floodKib };
  } finally {
    redis.disconnect();
    await fleet.close();
  }
}

interface Commits {
  /** The watched upstream has this generation now. */
  readonly change: (generation: number) => Promise<void>;
  readonly flood: () => Promise<void>;
  /** The last one that was given. */
  readonly generation: () => number;
}

/** As ingest commits to partition 0. */
async function openCommits(fleet: BenchFleet): Promise<Commits> {
  const { states } = await fleet.openDrivers('committing');
  const { epoch } = await states.claim(0, 'bench');
  let next: number | null = null;
  let last = 0;
  const commit = async (upstreams: readonly string[], generation: number): Promise<void> => {
    const [expected, to]: [number | null, number] = [next, (next ?? 0) + 1];
    const snapshots = upstreams.map((upstream) => snapshotOf(upstream, generation, to));
    const answer = await states.commit({
      partition: 0, group: 'bench', epoch, incarnation: 1, commitId: `${to}`, expected, next: to, clockMs: Date.now(), control: -1, snapshots, outbox: [], ids: [],
    });
    if (answer.kind !== 'OK') throw new Error(`the commit was answered ${answer.kind}`);
    next = to;
  };
  const flooded = Array.from({ length: FLOOD.upstreams }, (_, index) => `flood-${index}.bench.local`);
  return {
    change: (generation) => commit([UPSTREAM], (last = generation)),
    flood: async () => {
      for (let round = 1; round <= FLOOD.commits; round++) await commit(flooded, round);
    },
    generation: () => last,
  };
}

function snapshotOf(upstream: string, generation: number, next: number): Snapshot {
  const isOpen = generation % 2 === 0;
  const [sinceMs, window, policy] = [Date.now(), { total: 0, errors: 0, slow: 0 }, { name: 'p', namespace: 'bench', version: '0123456789ab' }];
  return { upstream, incarnation: 1, next, generation, state: isOpen ? 'open' : 'closed', admit: isOpen ? 0 : 1, sinceMs, window, policy, ...(isOpen && { untilMs: sinceMs + 3_600_000 }) };
}

interface Measuring {
  readonly what: string;
  readonly of: MembersOrder['of'];
  readonly teller: Teller;
  readonly commits: Commits;
}

async function measure({ what, of, teller, commits }: Measuring): Promise<WatchersRow> {
  const kibBefore = await teller.kib();
  const watchers = await Watchers.begin(of);
  try {
    const took = await changes(watchers, commits, WARM_UP).then(() => idleOf(teller));
    const kibEach = ((await teller.kib()) - kibBefore) / WATCHERS;
    return { what, ...(await told(watchers, { teller, commits, idleCores: took })), kibEach };
  } finally {
    watchers.end();
  }
}

async function withOneStopped({ of, teller, commits }: Omit<Measuring, 'what'>): Promise<{ row: WatchersRow; floodKib: FloodKib }> {
  const watchers = await Watchers.begin(of);
  const slow = new Member({ members: 1, upstream: UPSTREAM, of });
  try {
    await slow.ready;
    await commits.flood();
    const kib = [await teller.kib()];
    await commits.flood();
    kib.push(await teller.kib());
    await freeze(slow.child.pid as number);
    await commits.flood();
    kib.push(await teller.kib());
    const [before = 0, after = 0, afterStopped = 0] = kib;
    const floodKib = { allTake: after - before, oneStopped: afterStopped - after };
    const idleCores = await idleOf(teller);
    const row = { what: 'console, one of its watchers stopped', ...(await told(watchers, { teller, commits, idleCores })), kibEach: Number.NaN };
    const heardAgain = slow.heard(commits.generation());
    slow.child.kill('SIGCONT');
    await heardAgain;
    return { row, floodKib };
  } finally {
    slow.child.kill('SIGKILL');
    watchers.end();
  }
}

/** Share of a core. */
async function idleOf(teller: Teller): Promise<number> {
  const [cpuMs, sinceMs] = [await teller.cpuMs(), performance.now()];
  await sleep(IDLE_MS);
  return ((await teller.cpuMs()) - cpuMs) / (performance.now() - sinceMs);
}

async function told(watchers: Watchers, { teller, commits, idleCores }: { teller: Teller; commits: Commits; idleCores: number }): Promise<Omit<WatchersRow, 'what' | 'kibEach'>> {
  const [cpuMs, sinceMs] = [await teller.cpuMs(), performance.now()];
  const took = await changes(watchers, commits, CHANGES);
  const spentMs = (await teller.cpuMs()) - cpuMs - idleCores * (performance.now() - sinceMs);
  const [each, all] = [took.flat(), took.map((times) => Math.max(...times))];
  return {
    watchers: WATCHERS,
    changes: CHANGES,
    p50Ms: percentile(each, 0.5),
    p99Ms: percentile(each, 0.99),
    allP50Ms: percentile(all, 0.5),
    allP99Ms: percentile(all, 0.99),
    cpuMs: spentMs / CHANGES,
    idleCores,
  };
}

/** Of each change, how long until each watcher had it, ms. */
async function changes(watchers: Watchers, commits: Commits, count: number): Promise<number[][]> {
  const took: number[][] = [];
  for (let left = count; left > 0; left--) {
    await sleep(PAUSE_MS);
    const generation = commits.generation() + 1;
    const heard = watchers.heard(generation);
    const startMs = machineMs();
    await commits.change(generation);
    took.push((await heard).map((atMs) => atMs - startMs));
  }
  return took;
}

class Watchers {
  readonly #processes: readonly Member[];

  private constructor(processes: readonly Member[]) {
    this.#processes = processes;
  }

  static async begin(of: MembersOrder['of']): Promise<Watchers> {
    const watchers = new Watchers(Array.from({ length: PROCESSES }, () => new Member({ members: WATCHERS / PROCESSES, upstream: UPSTREAM, of })));
    await Promise.all(watchers.#processes.map(({ ready }) => ready));
    return watchers;
  }

  async heard(generation: number): Promise<number[]> {
    return (await Promise.all(this.#processes.map((each) => each.heard(generation)))).flat();
  }

  end(): void {
    for (const { child } of this.#processes) child.kill('SIGKILL');
  }
}

class Member {
  readonly child: ChildProcess;
  readonly ready: Promise<unknown>;

  constructor(order: MembersOrder) {
    this.child = fork(fileURLToPath(new URL(`watchers-members${extname(import.meta.url)}`, import.meta.url)));
    this.ready = once(this.child, 'message');
    this.child.send(order);
  }

  heard(generation: number): Promise<readonly number[]> {
    return new Promise((resolve) => {
      const listen = (message: MembersReport): void => {
        if (message.kind !== 'heard' || message.generation !== generation) return;
        this.child.off('message', listen);
        resolve(message.atMs);
      };
      this.child.on('message', listen);
    });
  }
}

/** Clock ticks a second in /proc, as Linux has them. */
const TICKS_PER_SECOND = 100;

function processTeller(pid: number): Teller {
  return {
    cpuMs: async () => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
    },
    kib: async () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]),
  };
}

function redisTeller(redis: Redis): Teller {
  const figure = async (section: string, name: string): Promise<number> => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(await redis.info(section))?.[1]);
  return {
    cpuMs: async () => ((await figure('cpu', 'used_cpu_user')) + (await figure('cpu', 'used_cpu_sys'))) * 1_000,
    kib: async () => (await figure('memory', 'used_memory')) / 1_024,
  };
}

function print(rows: readonly WatchersRow[], { allTake, oneStopped }: FloodKib): void {
  const peer = rows[0] as WatchersRow;
  console.table(rows.map((row) => ({
    what: row.what,
    watchers: row.watchers,
    'p50 ms': Number(row.p50Ms.toFixed(1)),
    'p99 ms': Number(row.p99Ms.toFixed(1)),
    'all, p50 ms': Number(row.allP50Ms.toFixed(1)),
    'all, p99 ms': Number(row.allP99Ms.toFixed(1)),
    '× Redis, p99': Number((row.p99Ms / peer.p99Ms).toFixed(2)),
    'CPU ms a change': Number(row.cpuMs.toFixed(1)),
    'cores at rest': Number(row.idleCores.toFixed(3)),
    'KiB a watcher': Number(row.kibEach.toFixed(0)),
  })));
  console.log(`${FLOOD.commits * FLOOD.upstreams} changes: the console’s memory grew by ${allTake} KiB, and the same again while one watcher stood still by ${oneStopped} KiB; it was told the newest when it went on`);
}

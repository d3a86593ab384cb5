/**
 * A change reaches everybody: 1,000 watchers on one console, a process as in production, each with a connection of its own;
 * beside them, in the same run, Redis telling as many subscribers the same commit, and a bare grpc-js server. From the call
 * of the commit until a watcher has read it. Goal: p99 at most 200 ms; 100 ms by `WatchBreakers` while one is stopped. Then
 * what those who stand still (SIGSTOP) make the console hold, and how soon all have all again when it was killed. The
 * watchers share the machine's cores with what they watch.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Commit, Snapshot } from '#engine';
import { formatAddress } from '#runtime';
import { eventually } from '../test/support/eventually.ts';
import type { ConsoleMember } from '../test/support/fleet.ts';
import { PARTITIONS, openBenchFleet, type BenchFleet } from './fleet.ts';
import { percentile } from './percentiles.ts';
import { WATCHED, Watchers, beginPeer, processTeller, redisTeller, type Teller } from './watchers-cast.ts';
import { machineMs, type MembersOrder } from './watchers-members.ts';

const WATCHERS = Number(process.env['BENCH_WATCHERS'] ?? 1_000);
const CHANGES = Number(process.env['BENCH_CHANGES'] ?? 40);
const WARM_UP = 10;
/** Between two changes, so that none rides on another, ms. */
const PAUSE_MS = 150;
const IDLE_MS = 5_000;
/** Watchers that are stopped. */
const STANDING = 10;
/** Many changes of many upstreams, all of which would wait somewhere for those who stand still: 15 MB for each. */
const FLOOD = { upstreams: 500, commits: 200 };
/** The last one with some that stand still; the first ones make the heap as large as it gets. */
const FLOODS = 4;

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

/** What else the console was seen to do. */
export interface ConsoleFigures {
  /** Growth of its resident memory over one flood, KiB: when all take it, and when some stand still. */
  readonly floodKib: { readonly allTake: number; readonly someStand: number };
  /** Killed with all of its watchers and begun again: from listening until the last has all again, ms. */
  readonly againMs: number;
}

export async function run(): Promise<{ rows: WatchersRow[]; figures: ConsoleFigures }> {
  const fleet = await openBenchFleet('');
  const redis = new Redis(fleet.services.redisUrl);
  const peer = await beginPeer();
  try {
    const commits = await openCommits(fleet);
    await commits.change(1);
    const console = await fleet.stage.console();
    await eventually(async () => await console.client.findBreaker(WATCHED).catch(() => undefined), { what: 'the console to know the watched upstream', deadlineMs: 60_000 });
    const teller = processTeller(console.pid);
    const of = { console: formatAddress(console.grpc), topicPrefix: `${fleet.prefix}.` };
    const channel = { redisUrl: fleet.services.redisUrl, channel: `${fleet.prefix}:{0}:changes` };
    const rows: WatchersRow[] = [];
    const row = async (measuring: Omit<Measuring, 'commits'>, by: Measuring['commits'] = commits): Promise<void> => {
      rows.push(await measure({ ...measuring, commits: by }));
      print(rows);
    };
    await row({ what: 'Redis Pub/Sub', of: channel, teller: redisTeller(redis) });
    let generation = 0;
    await row({ what: 'bare grpc-js', of: peer.of, teller: peer.teller }, { change: async (next) => peer.tell((generation = next)), generation: () => generation });
    await row({ what: 'console, Follow', of, teller });
    await row({ what: `console, Follow, ${STANDING} of them stand still`, of, teller, standing: STANDING });
    await row({ what: 'console, WatchBreakers', of: { watched: of.console }, teller });
    await row({ what: 'console, WatchBreakers, one of them stands still', of: { watched: of.console }, teller, standing: 1 });
    const floodKib = await flooded({ of, teller, commits });
    const againMs = await again({ fleet, console, of, commits });
    const figures = { floodKib, againMs };
    say(figures);
    return { rows, figures };
  } finally {
    peer.end();
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
  // A watcher is refused while any partition is unknown.
  for (let partition = 1; partition < PARTITIONS; partition++) await states.commit(commitOf({ partition, epoch: (await states.claim(partition, 'bench')).epoch, expected: null, next: 1, snapshots: [] }));
  const commit = async (upstreams: readonly string[], generation: number): Promise<void> => {
    const [expected, to]: [number | null, number] = [next, (next ?? 0) + 1];
    const snapshots = upstreams.map((upstream) => snapshotOf(upstream, generation, to));
    const answer = await states.commit(commitOf({ partition: 0, epoch, expected, next: to, snapshots }));
    if (answer.kind !== 'OK') throw new Error(`the commit was answered ${answer.kind}`);
    next = to;
  };
  const many = Array.from({ length: FLOOD.upstreams }, (_, index) => `flood-${index}.bench.local`);
  return {
    change: (generation) => commit([WATCHED], (last = generation)),
    flood: async () => {
      for (let round = 1; round <= FLOOD.commits; round++) await commit(many, round);
    },
    generation: () => last,
  };
}

function commitOf(of: Pick<Commit, 'partition' | 'epoch' | 'expected' | 'next' | 'snapshots'>): Commit {
  return { ...of, group: 'bench', incarnation: 1, commitId: `${of.next}`, clockMs: Date.now(), control: -1, outbox: [], ids: [] };
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
  readonly commits: Omit<Commits, 'flood'>;
  /** Of all watchers, who are stopped. */
  readonly standing?: number;
}

async function measure({ what, of, teller, commits, standing = 0 }: Measuring): Promise<WatchersRow> {
  const kibBefore = await teller.kib();
  const watchers = await Watchers.begin(of, WATCHERS - standing);
  const still = await Watchers.begin(of, standing, 1);
  try {
    await changes(watchers, commits, WARM_UP);
    await still.freeze();
    const idleCores = await idleOf(teller);
    const kibEach = ((await teller.kib()) - kibBefore) / WATCHERS;
    return { what, watchers: WATCHERS - standing, ...(await told(watchers, { teller, commits, idleCores })), kibEach };
  } finally {
    still.end();
    watchers.end();
  }
}

async function flooded({ of, teller, commits }: Pick<Measuring, 'of' | 'teller'> & { readonly commits: Commits }): Promise<ConsoleFigures['floodKib']> {
  const [watchers, still] = [await Watchers.begin(of, STANDING, 1), await Watchers.begin(of, STANDING, 1)];
  try {
    const kib: number[] = [];
    for (let flood = 1; flood <= FLOODS; flood++) {
      if (flood === FLOODS) await still.freeze();
      await commits.flood();
      const generation = commits.generation() + 1;
      const heard = watchers.heard(generation);
      await commits.change(generation);
      await heard;
      kib.push(await teller.kib());
    }
    const heard = still.heard(commits.generation());
    still.thaw();
    await heard;
    const [before = 0, after = 0, last = 0] = kib.slice(-3);
    return { allTake: after - before, someStand: last - after };
  } finally {
    still.end();
    watchers.end();
  }
}

/** All of them come at once, and each is told everything. */
async function again({ fleet, console, of, commits }: { fleet: BenchFleet; console: ConsoleMember; of: MembersOrder['of']; commits: Commits }): Promise<number> {
  const watchers = await Watchers.begin(of, WATCHERS);
  try {
    await console.kill();
    const generation = commits.generation() + 1;
    const heard = watchers.heard(generation);
    await commits.change(generation);
    await fleet.stage.console({ FUSEBOARD_GRPC_LISTEN: formatAddress(console.grpc) });
    const listensMs = machineMs();
    return Math.max(...(await heard)) - listensMs;
  } finally {
    watchers.end();
  }
}

/** Share of a core. */
async function idleOf(teller: Teller): Promise<number> {
  const [cpuMs, sinceMs] = [await teller.cpuMs(), performance.now()];
  await sleep(IDLE_MS);
  return ((await teller.cpuMs()) - cpuMs) / (performance.now() - sinceMs);
}

async function told(watchers: Watchers, { teller, commits, idleCores }: Pick<Measuring, 'teller' | 'commits'> & { readonly idleCores: number }): Promise<Omit<WatchersRow, 'what' | 'watchers' | 'kibEach'>> {
  const [cpuMs, sinceMs] = [await teller.cpuMs(), performance.now()];
  const took = await changes(watchers, commits, CHANGES);
  const spentMs = (await teller.cpuMs()) - cpuMs - idleCores * (performance.now() - sinceMs);
  const [each, all] = [took.flat(), took.map((times) => Math.max(...times))];
  return {
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
async function changes(watchers: Watchers, commits: Measuring['commits'], count: number): Promise<number[][]> {
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

/** The last one, beside the peer, which is the first. */
function print(rows: readonly WatchersRow[]): void {
  const [peer, row] = [rows[0], rows.at(-1)] as [WatchersRow, WatchersRow];
  console.table([{
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
  }]);
}

function say({ floodKib, againMs }: ConsoleFigures): void {
  const flood = `${FLOOD.commits * FLOOD.upstreams} changes made the console’s memory grow by ${floodKib.allTake} KiB`;
  console.log(`${flood}, and the same while ${STANDING} of ${2 * STANDING} watchers stood still by ${floodKib.someStand} KiB; these were told the newest when they went on`);
  console.log(`killed with ${WATCHERS} watchers and begun again: ${Math.round(againMs)} ms from listening until the last had all of ${FLOOD.upstreams + 1} upstreams again`);
}

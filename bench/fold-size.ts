/**
 * What the fold of one partition costs as it grows, without log and store: an outcome beside many upstreams that know
 * nothing of it, breakers that all close within one second while others are called, and a producer that makes names up.
 * Goals: flat in idle upstreams, linear in outcomes; 100,000 closed in 1 s of CPU; no memory for names without a policy.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PartitionFold, type ControlRecord, type LogRecord, type Outcome } from '#engine';
import { POLICY } from './fold.ts';

const BATCH = 1_000;
const HOT = 100;
const OUTCOMES = 100_000;
const OPEN = 100_000;
const SECOND_MS = 1_000;
const HOSTILE = 1_000_000;
const START_MS = 1_000;
const ROUNDS = 7;

export interface FoldSize {
  readonly cost: readonly CostRow[];
  readonly ticks: readonly TickRow[];
  readonly hostile: HostileRow;
}

export interface TickRow {
  /** Open breakers in one partition. */
  readonly open: number;
  readonly partitions: number;
  /** CPU of one core for the second in which all of them closed, all partitions together, ms; and without the closings. */
  readonly tookMs: number;
  readonly withoutMs: number;
  /** Longest that a millisecond's records took, of all partitions, ms. */
  readonly longestMs: number;
}

export interface HostileRow {
  readonly names: number;
  readonly heapGrownBytes: number;
  readonly nsPerRecord: number;
}

/** By CPU time, which others on the machine take nothing of; of the round that their caches' loss slowed least. */
export interface CostRow {
  readonly upstreams: number;
  readonly outcomes: number;
  readonly cpuNs: number;
  /** Of the first row. */
  readonly ratio: number;
}

export async function run(): Promise<FoldSize> {
  const cost = costRows();
  console.log(`an outcome of one of ${HOT} upstreams, folded and asked for as a commit does`);
  console.table(cost);
  const ticks = [12, 1].map((partitions) => tickRow(partitions));
  console.log('breakers that close within one second, beside 10,000 outcomes of others');
  console.table(ticks);
  const hostile = hostileRow();
  console.table([hostile]);
  return { cost, ticks, hostile };
}

function costRows(): CostRow[] {
  const stands = [100, 10_000, 100_000].map((known) => ({ known, stand: new Stand(known, 1e9) }));
  const [few] = stands;
  const subjects = [...stands.map((each) => ({ ...each, outcomes: OUTCOMES, cpuNs: Infinity })), ...[2, 4].map((times) => ({ ...(few as (typeof stands)[0]), outcomes: times * OUTCOMES, cpuNs: Infinity }))];
  for (let round = 0; round < ROUNDS; round++) {
    for (const subject of subjects) {
      const cpu = process.threadCpuUsage();
      subject.stand.fold(subject.outcomes);
      subject.cpuNs = Math.min(subject.cpuNs, (cpuMsSince(cpu) * 1e6) / subject.outcomes);
    }
  }
  return subjects.map(({ known, outcomes, cpuNs }) => ({ upstreams: known, outcomes, cpuNs: Math.round(cpuNs), ratio: Number((cpuNs / (subjects[0]?.cpuNs as number)).toFixed(2)) }));
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

const hostOf = (n: number): string => `u${n}.bench.local`;

/** A partition's fold, with policies for so many upstreams. */
class Stand {
  readonly #fold: PartitionFold;
  #offset = 1;
  clockMs = START_MS;

  constructor(known: number, errorAmountThreshold: number) {
    const control = Array.from({ length: known }, (_, n) => applied(n, errorAmountThreshold));
    const start = { partition: 0, incarnation: 1, next: 0, clockMs: 0, control: -1, snapshots: [], ids: [] };
    this.#fold = new PartitionFold(start, (offset) => control[offset], { owns: () => true });
    this.#fold.fold([{ offset: 0, appendMs: START_MS, entry: { kind: 'mark', mark: { control: known - 1, hash: 'h' } } }]);
    this.#fold.settled(1);
  }

  /** Outcomes of the hot ones, and what a commit asks for after each batch. */
  fold(outcomes: number): number {
    let counted = 0;
    for (let n = 0; n < outcomes; n += BATCH) {
      counted += this.take(Array.from({ length: BATCH }, (_, k) => this.outcome(hostOf((n + k) % HOT)))).counted;
    }
    if (counted !== outcomes) throw new Error(`${counted} of ${outcomes} outcomes were counted`);
    return counted;
  }

  /** As one batch. */
  take(records: readonly LogRecord[]): { counted: number; moved: number; unknown: number } {
    const from = this.#fold.next;
    const { tally, transitions } = this.#fold.fold(records);
    this.#fold.changedSince(from);
    this.#fold.settled(this.#fold.next);
    return { counted: tally.counted, moved: transitions.length, unknown: tally.unknown };
  }

  outcome(upstream: string, code = 200): LogRecord {
    const outcome: Outcome = { upstream, atMs: this.clockMs, reporter: 'bench', result: { kind: 'status', code }, durationMs: 4, count: 1 };
    return { offset: this.#offset++, appendMs: this.clockMs, entry: { kind: 'outcome', outcome } };
  }
}

function applied(n: number, errorAmountThreshold: number): ControlRecord {
  const upstream = hostOf(n);
  const breaker = { ...POLICY, upstream, errorAmountThreshold };
  const document = { kind: 'UpstreamTrafficSetting', namespace: 'bench', name: `p${n}`, version: '1', breaker, upstream };
  return { offset: n, appendMs: 0, hash: 'h', change: { kind: 'apply', document } } as unknown as ControlRecord;
}

/** All are opened within one second, so all are over within one, millisecond by millisecond, while others are called. */
function tickRow(partitions: number): TickRow {
  const open = Math.round(OPEN / partitions);
  const stands = Array.from({ length: partitions }, () => new Stand(open + HOT, 1));
  const quiet = Array.from({ length: partitions }, () => new Stand(open + HOT, 1));
  const opened = eachMillisecond(stands, (stand, ms) => failuresOf(stand, open, ms));
  if (opened.moved !== open * partitions) throw new Error(`${opened.moved} of ${open * partitions} breakers opened`);
  for (const each of [...stands, ...quiet]) each.clockMs = START_MS + POLICY.degradedTimeWindowMs;
  const others = (of: Stand): LogRecord[] => Array.from({ length: 10 }, (_, n) => of.outcome(hostOf(open + n)));
  const closed = eachMillisecond(stands, others);
  const without = eachMillisecond(quiet, others);
  if (closed.moved !== open * partitions) throw new Error(`${closed.moved} of ${open * partitions} breakers closed`);
  return { open, partitions, tookMs: Math.round(closed.tookMs), withoutMs: Math.round(without.tookMs), longestMs: Number(closed.longestMs.toFixed(1)) };
}

const failuresOf = (stand: Stand, open: number, ms: number): LogRecord[] => {
  const [from, to] = [ms, ms + 1].map((each) => Math.round((each * open) / SECOND_MS)) as [number, number];
  return Array.from({ length: to - from }, (_, n) => stand.outcome(hostOf(from + n), 503));
};

/** Of all partitions together, one after the other. */
function eachMillisecond(stands: readonly Stand[], records: (stand: Stand, ms: number) => LogRecord[]): { moved: number; tookMs: number; longestMs: number } {
  const sums = { moved: 0, tookMs: 0, longestMs: 0 };
  for (let ms = 0; ms < SECOND_MS; ms++) {
    const batches = stands.map((stand) => ({ stand, batch: records(stand, ms) }));
    const cpu = process.threadCpuUsage();
    for (const { stand, batch } of batches) sums.moved += stand.take(batch).moved;
    const tookMs = cpuMsSince(cpu);
    sums.tookMs += tookMs;
    sums.longestMs = Math.max(sums.longestMs, tookMs);
    for (const stand of stands) stand.clockMs++;
  }
  return sums;
}

/** Names that nobody has a policy for, each once. */
function hostileRow(): HostileRow {
  const stand = new Stand(HOT, 1e9);
  stand.fold(OUTCOMES);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = heap();
  const cpu = process.threadCpuUsage();
  let unknown = 0;
  for (let n = 0; n < HOSTILE; n += BATCH) unknown += stand.take(Array.from({ length: BATCH }, (_, k) => stand.outcome(`hostile-${n + k}.example`))).unknown;
  const tookMs = cpuMsSince(cpu);
  if (unknown !== HOSTILE) throw new Error(`${unknown} of ${HOSTILE} records were of unknown upstreams`);
  return { names: HOSTILE, heapGrownBytes: heap() - before, nsPerRecord: (tookMs * 1e6) / HOSTILE };
}

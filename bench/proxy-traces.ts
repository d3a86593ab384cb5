/**
 * What traces cost the data plane: calls for each CPU-second of its process with traces on, as a multiple of the same
 * with traces off. All take turns by short bursts of calls, and the median of the rounds' ratios counts: whatever else
 * the machine does, it does to all of them.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { BenchClient } from './proxy-client.ts';
import { keepApart } from './proxy-cores.ts';
import { BenchStage, heard, type Subject } from './proxy-subjects.ts';
import { numbered, shapeOf, type Work } from './proxy-world.ts';

const WORKS = ['refuse', 'forward'] as const satisfies readonly Work[];
const CONNECTIONS = 32;
/** Calls of one burst. */
const BURST = 1_000;
const WARM_UP_BURSTS = 40;
const ROUNDS = 100;
const OFF = 'off';
/** Shares of calls that are sampled. */
const SHARES = { 'none sampled': '0', '1 % sampled': '0.01', 'all sampled': '1' } as const;

export interface TracesRow {
  readonly work: Work;
  readonly subject: string;
  /** Calls for each CPU-second, as a multiple of those with traces off: the median of the rounds, and the quartiles. */
  readonly ratio: number;
  readonly quartiles: readonly [lower: number, upper: number];
}

export async function run(): Promise<TracesRow[]> {
  const stage = new BenchStage();
  try {
    const upstream = await started(stage.fork('upstream'), 'upstream');
    const collector = await started(stage.fork('collector'), 'collector');
    const target = `127.0.0.1:${upstream.port}`;
    const subjects = [await started(stage.fork('library', [target]), OFF)];
    for (const [name, share] of Object.entries(SHARES)) subjects.push(await started(stage.fork('traced', [target, `127.0.0.1:${collector.port}`, share]), name));
    const before = process.env['BENCH_BEFORE'] ?? '';
    if (before !== '') subjects.push(await started(stage.forkOf(before, 'library', [target]), 'before'));
    keepApart({ proxies: subjects.map(({ pid }) => pid), others: [upstream.pid, collector.pid] });
    const rows: TracesRow[] = [];
    for (const work of WORKS) rows.push(...(await measureAll(work, subjects)));
    console.log('calls per CPU-second, as a multiple of the data plane with traces off (quartiles of the rounds)');
    console.table(Object.fromEntries(rows.map(({ work, subject, ratio, quartiles }) => [`${work}, ${subject}`, `${ratio.toFixed(3)} (${quartiles.map((each) => each.toFixed(3)).join(' to ')})`])));
    return rows;
  } finally {
    await stage.close();
  }
}

async function started(child: ReturnType<BenchStage['fork']>, name: string): Promise<Subject> {
  const { port } = await heard(child, 'ready');
  return { name, pid: child.pid ?? 0, port };
}

async function measureAll(work: Work, subjects: readonly Subject[]): Promise<TracesRow[]> {
  const loads = subjects.map((subject) => ({ subject, load: new Burst(subject.port, work) }));
  for (const { load } of loads) for (let n = 0; n < WARM_UP_BURSTS; n++) await load.run();
  const ratios = new Map<string, number[]>(subjects.filter(({ name }) => name !== OFF).map(({ name }) => [name, []]));
  for (let round = 0; round < numbered('BENCH_ROUNDS', ROUNDS); round++) {
    const costs = new Map<string, number>();
    // Nobody is always first.
    const at = round % loads.length;
    for (const { subject, load } of [...loads.slice(at), ...loads.slice(0, at)]) {
      const fromNs = cpuNs(subject.pid);
      await load.run();
      costs.set(subject.name, cpuNs(subject.pid) - fromNs);
    }
    for (const [name, of] of ratios) of.push((costs.get(OFF) ?? Number.NaN) / (costs.get(name) ?? Number.NaN));
  }
  for (const { load } of loads) load.close();
  return [...ratios].map(([subject, of]) => ({ work, subject, ...spread(of) }));
}

/** Connections that stay, and each time as many calls over them. */
class Burst {
  readonly #clients: readonly BenchClient[];
  #left = 0;
  #owed = 0;
  #broke = 0;
  #onDone: (failure?: Error) => void = () => undefined;

  constructor(port: number, work: Work) {
    const events = {
      onAnswer: (client: BenchClient, isExpected: boolean) => this.#answered(client, isExpected),
      onBroken: (client: BenchClient) => this.#broken(client),
    };
    this.#clients = Array.from({ length: CONNECTIONS }, () => new BenchClient(port, shapeOf(work), events));
  }

  async run(): Promise<void> {
    this.#left = BURST - CONNECTIONS;
    this.#owed = BURST;
    this.#broke = 0;
    await new Promise<void>((resolve, reject) => {
      this.#onDone = (failure) => (failure === undefined ? resolve() : reject(failure));
      for (const client of this.#clients) client.call();
    });
  }

  close(): void {
    for (const client of this.#clients) client.destroy();
  }

  /** A proxy ends each connection some day, in order. */
  #broken(client: BenchClient): void {
    if (++this.#broke > CONNECTIONS) this.#onDone(new Error('connections break'));
    else client.reopen().call();
  }

  #answered(client: BenchClient, isExpected: boolean): void {
    if (!isExpected) this.#onDone(new Error('an answer was not what it should be'));
    if (--this.#owed === 0) this.#onDone();
    else if (this.#left-- > 0) client.call();
  }
}

/** On a core, by every thread of it: the scheduler's own account, which has no ticks. */
function cpuNs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ', 1)[0]), 0);
}

function spread(ratios: readonly number[]): Pick<TracesRow, 'ratio' | 'quartiles'> {
  const sorted = ratios.toSorted((a, b) => a - b);
  const part = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { ratio: part(0.5), quartiles: [part(0.25), part(0.75)] };
}

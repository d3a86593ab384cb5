/**
 * What a call costs a proxy: calls per second of CPU of the proxy's own processes (from /proc), so that the load's and
 * the upstream's share doesn't blur it. All proxies are measured in turns, round after round, and each one's best round
 * counts: what else the machine does mostly slows.
 */
import { startCast, type Cast } from './proxy-cast.ts';
import { openLoad, type LoadGenerator } from './proxy-load.ts';
import { BenchStage, cpuSeconds, type Subject } from './proxy-subjects.ts';
import { inTurns, isCalm, sayDisturbed, watched, type Disturbed } from './proxy-turns.ts';
import { WORKS, chosen, listed, numbered, type Work } from './proxy-world.ts';

const CONNECTIONS = ['1', '64', '256'];
const CONNECTIONS_BY_DEFAULT = ['1', '256'];
const ROUNDS = 3;
/** Of one measurement. Whole seconds, as wrk knows no others. */
const DURATION_S = 1;
/** Before the first measurement of a work. */
const WARM_UP_S = 1;
const WARM_UP_CONNECTIONS = 64;
/** Of a core: a generator that was as busy as this, and busier than the proxy, was the limit. */
const BUSY_SHARE = 0.85;

export interface WorkRow extends Disturbed {
  readonly proxy: string;
  readonly work: Work;
  readonly connections: number;
  /** Of the best round, as is all below. */
  readonly callsPerCpuSecond: number;
  /** Against each peer in the run, by its name. */
  readonly ratios: Readonly<Record<string, number>>;
  /** On the wall; the load and the upstream share the machine. */
  readonly callsPerSecond: number;
  /** CPU seconds a second. */
  readonly proxyCores: number;
  readonly loadCores: number;
  readonly isLimitedByLoad: boolean;
}

type Measured = Omit<WorkRow, 'ratios'>;
type Cell = Pick<WorkRow, 'work' | 'connections'>;

export async function run(): Promise<WorkRow[]> {
  const stage = new BenchStage();
  try {
    const cast = await startCast(stage);
    const load = openLoad(stage);
    const rows = withRatios(await measureAll(load, cast), cast);
    print(rows, cast, load);
    return rows;
  } finally {
    await stage.close();
  }
}

async function measureAll(load: LoadGenerator, { ours, peers }: Cast): Promise<Measured[]> {
  const counts = listed('BENCH_CONNECTIONS') === undefined ? CONNECTIONS_BY_DEFAULT : chosen('BENCH_CONNECTIONS', CONNECTIONS);
  const cells = chosen('BENCH_WORKS', WORKS).flatMap((work) => counts.map((connections): Cell => ({ work, connections: Number(connections) })));
  const subjects = [...ours, ...peers];
  for (const work of new Set(cells.map((cell) => cell.work))) {
    for (const { port } of subjects) await load.run({ port, work, connections: WARM_UP_CONNECTIONS, durationS: WARM_UP_S });
  }
  const turns = cells.flatMap((cell) => subjects.map((subject) => ({ cell, subject })));
  const measured = await inTurns(turns, { rounds: numbered('BENCH_ROUNDS', ROUNDS), measure: ({ cell, subject }) => watched(() => measure(load, subject, cell)) });
  return [...measured.values()].flatMap((rounds) => rounds.toSorted((a, b) => b.callsPerCpuSecond - a.callsPerCpuSecond).slice(0, 1));
}

async function measure(load: LoadGenerator, { name, pid, port }: Subject, { work, connections }: Cell): Promise<Omit<Measured, keyof Disturbed>> {
  const from = { cpuS: cpuSeconds(pid), ms: performance.now() };
  const { answers, unexpected, cpuS: loadCpuS } = await load.run({ port, work, connections, durationS: numbered('BENCH_SECONDS', DURATION_S) });
  const cpuS = cpuSeconds(pid) - from.cpuS;
  const wallS = (performance.now() - from.ms) / 1_000;
  if (unexpected > 0 || answers === 0) throw new Error(`${name}: of ${answers + unexpected} answers ${unexpected} were not what "${work}" should give`);
  const [proxyCores, loadCores] = [cpuS / wallS, loadCpuS / wallS];
  return {
    proxy: name,
    work,
    connections,
    callsPerCpuSecond: answers / cpuS,
    callsPerSecond: answers / wallS,
    proxyCores,
    loadCores,
    isLimitedByLoad: loadCores > BUSY_SHARE && loadCores > proxyCores,
  };
}

function withRatios(measured: readonly Measured[], { peers }: Cast): WorkRow[] {
  const find = (proxy: string, cell: Cell) => measured.find((each) => each.proxy === proxy && keyOf(each) === keyOf(cell))?.callsPerCpuSecond ?? Number.NaN;
  return measured.map((row) => ({ ...row, ratios: Object.fromEntries(peers.map(({ name }) => [name, row.callsPerCpuSecond / find(name, row)])) }));
}

const keyOf = ({ work, connections }: Cell): string => `${work}, ${connections} connection${connections === 1 ? '' : 's'}`;

/** One table of figures, then ours as multiples of each peer's. */
function print(rows: readonly WorkRow[], { ours, peers }: Cast, load: LoadGenerator): void {
  const byCell = Map.groupBy(rows, keyOf);
  const tableOf = (cellOf: (row: WorkRow) => string | number, shown: (row: WorkRow) => boolean = () => true) =>
    Object.fromEntries([...byCell].map(([key, cells]) => [key, Object.fromEntries(cells.filter(shown).map((row) => [row.proxy, cellOf(row)]))]));
  console.log(`calls per CPU-second of the proxy, in thousands; load by ${load.name} (*: it was the limit, ~: disturbed)`);
  console.table(tableOf((row) => `${(row.callsPerCpuSecond / 1_000).toFixed(1)}${row.isLimitedByLoad ? '*' : ''}${isCalm(row) ? '' : '~'}`));
  sayDisturbed(rows);
  console.log('cores that the proxy kept busy / the load did');
  console.table(tableOf((row) => `${row.proxyCores.toFixed(2)} / ${row.loadCores.toFixed(2)}`));
  for (const { name } of peers.length === 0 ? [] : ours) {
    console.log(`${name}, as a multiple of`);
    console.table(Object.fromEntries(rows.filter(({ proxy }) => proxy === name).map((row) => [keyOf(row), mapped(row.ratios, (ratio) => Number(ratio.toFixed(2)))])));
  }
}

function mapped<T>(values: Readonly<Record<string, number>>, to: (value: number) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, to(value)]));
}

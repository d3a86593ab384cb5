/**
 * Two workers against one, where the load isn't the limit: load and upstream have cores of their own. With four cores
 * or more so has each worker, and the figure is what they serve. With two or three the two workers share the core that
 * the one had, so what they serve shows what being two costs them; on two cores they would serve twice that, less what
 * an uneven share of the calls takes (the busier one is full first).
 */
import { CORES, keepApart } from './proxy-cores.ts';
import { openLoad, type LoadGenerator } from './proxy-load.ts';
import { openProxyFleet } from './proxy-fleet.ts';
import { BenchStage, cpuSecondsByProcess, heard, processesOf, type Subject } from './proxy-subjects.ts';
import { inTurns, isCalm, sayDisturbed, watched, type Disturbed } from './proxy-turns.ts';
import { chosen, numbered, type Work } from './proxy-world.ts';

const WORKS = ['refuse', 'forward'] as const;
const CONNECTIONS = 256;
const ROUNDS = 3;
const DURATION_S = 2;
const HAVE_OWN_CORES = CORES >= 4;

export interface WorkersRow extends Disturbed {
  readonly work: Work;
  readonly workers: number;
  /** Of the best round, as is all below. */
  readonly callsPerSecond: number;
  readonly callsPerCpuSecond: number;
  /** CPU seconds a second of each process, the busiest first. */
  readonly cores: readonly number[];
  readonly loadCores: number;
}

interface Workers {
  readonly workers: number;
  readonly subject: Subject;
}

export interface WorkersRatio {
  readonly work: Work;
  /** What two serve on as many cores as the one had, as a multiple of it; absent where each has its own. */
  readonly onOneCore?: number;
  /** Two on two cores, as a multiple of one. */
  readonly onTwoCores: number;
}

export async function run(): Promise<{ rows: WorkersRow[]; ratios: WorkersRatio[] }> {
  const stage = new BenchStage();
  try {
    const upstream = stage.fork('upstream');
    const fleet = await openProxyFleet(stage, `127.0.0.1:${(await heard(upstream, 'ready')).port}`);
    const subjects = [{ workers: 1, subject: await fleet.start(1) }, { workers: 2, subject: await fleet.start(2) }];
    const load = openLoad(stage);
    for (const { workers, subject } of subjects) {
      keepApart({ proxies: processesOf(subject.pid), others: [upstream.pid ?? 0], cores: HAVE_OWN_CORES ? workers : 1 });
    }
    const rows = await measureAll(load, subjects);
    const ratios = WORKS.flatMap((work) => ratioOf(rows.filter((row) => row.work === work)));
    print(rows, ratios);
    return { rows, ratios };
  } finally {
    await stage.close();
  }
}

async function measureAll(load: LoadGenerator, subjects: readonly Workers[]): Promise<WorkersRow[]> {
  const turns = chosen('BENCH_WORKS', WORKS).flatMap((work) => subjects.map((each) => ({ ...each, work })));
  for (const { subject, work } of turns) await measure(load, subject, work);
  const measured = await inTurns(turns, { rounds: numbered('BENCH_ROUNDS', ROUNDS), measure: ({ subject, work }) => watched(() => measure(load, subject, work)) });
  return [...measured].flatMap(([{ work, workers }, rounds]) => rounds.toSorted((a, b) => b.callsPerCpuSecond - a.callsPerCpuSecond).slice(0, 1).map((best) => ({ work, workers, ...best })));
}

async function measure(load: LoadGenerator, { pid, port, name }: Subject, work: Work): Promise<Omit<WorkersRow, 'work' | 'workers' | keyof Disturbed>> {
  const from = { cpu: cpuSecondsByProcess(pid), ms: performance.now() };
  const { answers, unexpected, cpuS } = await load.run({ port, work, connections: CONNECTIONS, durationS: numbered('BENCH_SECONDS', DURATION_S) });
  const wallS = (performance.now() - from.ms) / 1_000;
  if (unexpected > 0) throw new Error(`${name}: ${unexpected} answers were not what "${work}" should give`);
  const usedS = [...cpuSecondsByProcess(pid)].map(([each, toS]) => toS - (from.cpu.get(each) ?? 0)).toSorted((a, b) => b - a);
  return {
    callsPerSecond: answers / wallS,
    callsPerCpuSecond: answers / usedS.reduce((sum, each) => sum + each, 0),
    cores: usedS.map((each) => each / wallS),
    loadCores: cpuS / wallS,
  };
}

function ratioOf(rows: readonly WorkersRow[]): WorkersRatio[] {
  const [one, two] = [1, 2].map((workers) => rows.find((row) => row.workers === workers));
  if (one === undefined || two === undefined) return [];
  const { work } = one;
  if (HAVE_OWN_CORES) return [{ work, onTwoCores: two.callsPerSecond / one.callsPerSecond }];
  // By CPU, so that it doesn't matter how much of the core each was given.
  const onOneCore = two.callsPerCpuSecond / one.callsPerCpuSecond;
  const busiestShare = (two.cores[0] ?? 0) / two.cores.reduce((sum, each) => sum + each, 0);
  return [{ work, onOneCore, onTwoCores: onOneCore / busiestShare }];
}

function print(rows: readonly WorkersRow[], ratios: readonly WorkersRatio[]): void {
  console.table(rows.map(({ work, workers, callsPerSecond, callsPerCpuSecond, cores, loadCores, othersCores }) => ({
    work: `${work}${isCalm({ othersCores }) ? '' : '~'}`,
    workers,
    'calls/s': Math.round(callsPerSecond),
    'calls per CPU-second': Math.round(callsPerCpuSecond),
    'cores of each': cores.map((each) => each.toFixed(2)).join(' '),
    'load cores': Number(loadCores.toFixed(2)),
  })));
  sayDisturbed(rows);
  for (const { work, onOneCore, onTwoCores } of ratios) {
    console.log(`${work}: two workers serve ${onTwoCores.toFixed(2)} × one${onOneCore === undefined ? '' : ` on two cores, reckoned from ${onOneCore.toFixed(2)} × on the one core they shared and the share of the busier`}`);
  }
}

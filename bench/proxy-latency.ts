/**
 * What a proxy adds to a call's time at half load: the rate that keeps our process half busy, the same for all, and
 * `direct` is the same load on the upstream itself. Small answers; all in turns, the median of the rounds.
 */
import { startCast, type Cast } from './proxy-cast.ts';
import { openLoad } from './proxy-load.ts';
import { openPace, type Pace, type Paced } from './proxy-pace.ts';
import { percentile } from './percentiles.ts';
import { BenchStage, cpuSeconds, type Subject } from './proxy-subjects.ts';
import { inTurns, isCalm, sayDisturbed, watched, type Disturbed } from './proxy-turns.ts';
import { numbered } from './proxy-world.ts';

const CONNECTIONS = 64;
const ROUNDS = 3;
const DURATION_MS = 4_000;
const CAPACITY_S = 2;
/** Of a core: beyond it the generator's own waiting would be measured. */
const GENERATOR_CORES_MAX = 0.9;
const PEERS = ['nginx', 'haproxy', 'envoy'];
const FIGURES = ['p50Ms', 'p99Ms', 'p999Ms'] as const;

type Figures = Readonly<Record<(typeof FIGURES)[number], number>>;

export interface LatencyRow extends Disturbed {
  readonly proxy: string;
  readonly measured: Figures;
  /** Less what the upstream alone took. */
  readonly added: Figures;
  /** That, less nginx's; NaN without nginx. */
  readonly overNginx: Figures;
  readonly failed: number;
  /** CPU seconds a second, of the proxy's own processes and of the generator. */
  readonly proxyCores: number;
  readonly generatorCores: number;
}

export interface Latency {
  /** Calls a second. */
  readonly rate: number;
  readonly rows: readonly LatencyRow[];
}

type Round = Paced & Pick<LatencyRow, 'proxyCores' | 'generatorCores' | 'othersCores'>;

export async function run(): Promise<Latency> {
  const stage = new BenchStage();
  try {
    const cast = await startCast(stage, { peers: PEERS });
    const subjects = [cast.direct, ...cast.ours, ...cast.peers];
    const rate = Math.round(numbered('BENCH_RATE', (await slowestOfOurs(stage, cast)) / 2));
    const pace = openPace(stage);
    const rounds = await inTurns(subjects, { rounds: numbered('BENCH_ROUNDS', ROUNDS), measure: (subject) => watched(() => measure(pace, subject, rate)) });
    const latency = { rate, rows: rowsOf(new Map([...rounds].map(([{ name }, measured]) => [name, measured]))) };
    print(latency);
    return latency;
  } finally {
    await stage.close();
  }
}

/** Calls a second of CPU, which is what one core gives; it also warms them up. */
async function slowestOfOurs(stage: BenchStage, { ours, peers }: Cast): Promise<number> {
  const load = openLoad(stage);
  const capacities: number[] = [];
  for (const subject of [...peers, ...ours]) {
    const fromS = cpuSeconds(subject.pid);
    const { answers } = await load.run({ port: subject.port, work: 'forward', connections: CONNECTIONS, durationS: CAPACITY_S });
    if (ours.includes(subject)) capacities.push(answers / (cpuSeconds(subject.pid) - fromS));
  }
  return Math.min(...capacities);
}

async function measure(pace: Pace, { pid, port }: Subject, rate: number): Promise<Omit<Round, keyof Disturbed>> {
  const from = { cpuS: cpuSeconds(pid), ms: performance.now() };
  const { cores, ...paced } = await pace.run({ port, work: 'forward', connections: CONNECTIONS, rate, durationMs: numbered('BENCH_SECONDS', DURATION_MS / 1_000) * 1_000 });
  return { ...paced, generatorCores: cores, proxyCores: ((cpuSeconds(pid) - from.cpuS) * 1_000) / (performance.now() - from.ms) };
}

function rowsOf(rounds: ReadonlyMap<string, readonly Round[]>): LatencyRow[] {
  const figuresOf = (name: string) => figures((figure) => percentile((rounds.get(name) ?? []).map((round) => round[figure]), 0.5));
  const [direct, nginx] = [figuresOf('direct'), figuresOf('nginx')];
  return [...rounds].map(([proxy, all]) => {
    const measured = figuresOf(proxy);
    return {
      proxy,
      measured,
      added: figures((figure) => measured[figure] - direct[figure]),
      overNginx: figures((figure) => measured[figure] - nginx[figure]),
      failed: all.reduce((sum, round) => sum + round.failed, 0),
      proxyCores: percentile(all.map((round) => round.proxyCores), 0.5),
      generatorCores: Math.max(...all.map((round) => round.generatorCores)),
      othersCores: Math.max(...all.map((round) => round.othersCores)),
    };
  });
}

function figures(of: (figure: keyof Figures) => number): Figures {
  return { p50Ms: of('p50Ms'), p99Ms: of('p99Ms'), p999Ms: of('p999Ms') };
}

function print({ rate, rows }: Latency): void {
  console.log(`forwarding small answers at ${rate} calls a second over ${CONNECTIONS} connections; times in ms from when each call was due`);
  const shown = (prefix: string, of: Figures) => ({ [`${prefix}p50`]: rounded(of.p50Ms), [`${prefix}p99`]: rounded(of.p99Ms), [`${prefix}p99.9`]: rounded(of.p999Ms) });
  console.table(rows.map(({ proxy, measured, added, overNginx, failed, proxyCores, generatorCores, othersCores }) => ({
    proxy: `${proxy}${isCalm({ othersCores }) ? '' : '~'}`,
    ...shown('', measured),
    ...shown('added ', added),
    'added p99 over nginx': rounded(overNginx.p99Ms),
    failed,
    'its cores': rounded(proxyCores),
    'load cores': rounded(generatorCores),
  })));
  sayDisturbed(rows);
  if (rows.some(({ generatorCores }) => generatorCores > GENERATOR_CORES_MAX)) console.log('the generator was the limit: these times are its own, choose a lower BENCH_RATE');
}

const rounded = (value: number): number => Number(value.toFixed(2));

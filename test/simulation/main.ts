/**
 * `npm run sim -- [--seed N] [--seeds K] [--steps M]`: K lives of a simulated fleet from seed N on, about M steps each, on
 * as many threads as there are cores (`--workers`). Ends with 1 if an invariant was broken, having said which, in which
 * life, and by the shortest schedule that does the same (`--shrink`: lives to find it, 0: none).
 *
 *   --fresh K        K lives more, from a seed that is drawn and told
 *   --forever        fresh lives until one breaks an invariant, or Ctrl-C
 *   --bail           ends with the first life that breaks an invariant
 *   --only 3,17      only these happenings come, by their numbers
 *   --without lost   these rates are 0
 *   --trace          each step is told; on one thread
 *
 * What depends on the machine, as speed does, is told on stderr; the rest is the same for any number of threads.
 */
import { flagsFrom, type SimulationFlags } from './flags.ts';
import { live } from './life.ts';
import * as report from './report.ts';
import { Workers, type LifeTask } from './workers.ts';

/** Lives that break something and are made shorter, of one run. */
const SHRUNK_MAX = 5;
const PROGRESS_EACH_MS = 2_000;
/** Seeds that are drawn lie below. */
const SEEDS_END = 2 ** 31;

const flags = flagsFrom(process.argv.slice(2));
process.exitCode = flags.isTraced ? await trace(flags) : await run(flags);

async function trace(all: SimulationFlags): Promise<number> {
  const tally = new report.Tally();
  const { seed = drawn() } = all;
  for (const options of tasks(all, seed, all.seeds)) {
    const life = await live({ ...options, print: (line) => void process.stdout.write(line) });
    const told = tally.judge({ options, life });
    if (told !== undefined) console.log(told);
  }
  console.log(tally.told);
  return tally.broken === 0 ? 0 : 1;
}

async function run(all: SimulationFlags): Promise<number> {
  const workers = new Workers(all.workers);
  const tally = new report.Tally();
  const beganMs = performance.now();
  const speed = (): string => `${tally.lives} seeds, ${tally.steps} steps, ${Math.round((tally.steps / (performance.now() - beganMs)) * 1_000)} steps/s on ${all.workers} threads`;
  const progress = setInterval(() => console.error(speed()), PROGRESS_EACH_MS);
  try {
    for await (const lived of workers.live(stretches(all))) {
      const before = tally.broken;
      const told = tally.judge(lived);
      if (told !== undefined) console.log(told);
      if (tally.broken === before) continue;
      if (lived.life.broken !== undefined && tally.broken <= SHRUNK_MAX && all.shrink > 0) console.log(report.shrunk(await workers.do({ kind: 'shrink', options: lived.options, livesMax: all.shrink })));
      if (all.isOverAtFirst) break;
    }
  } finally {
    clearInterval(progress);
    await workers.close();
  }
  console.log(tally.told);
  console.error(`${speed()}, ${((performance.now() - beganMs) / 1_000).toFixed(1)} s`);
  return tally.broken === 0 ? 0 : 1;
}

/** Each stretch says where it begins, so that a red run can be lived again. */
function* stretches(all: SimulationFlags): Generator<LifeTask> {
  const { seeds, fresh, isForever, steps } = all;
  if (isForever) {
    const from = all.seed ?? drawn();
    console.log(`seeds from ${from} on, about ${steps} steps each`);
    let isOver = false;
    process.once('SIGINT', () => (isOver = true));
    for (const task of tasks(all, from, Infinity)) {
      if (isOver) return;
      yield task;
    }
    return;
  }
  if (all.seed !== undefined || fresh === 0) yield* stretch(all, all.seed ?? drawn(), seeds);
  if (fresh > 0) yield* stretch(all, drawn(), fresh);
}

function* stretch(all: SimulationFlags, from: number, count: number): Generator<LifeTask> {
  console.log(`seeds ${from} to ${from + count - 1}, about ${all.steps} steps each`);
  yield* tasks(all, from, count);
}

function* tasks({ steps, only, without }: SimulationFlags, from: number, count: number): Generator<LifeTask> {
  for (let seed = from; seed < from + count; seed++) yield { seed, steps, without, ...(only === undefined ? {} : { only }) };
}

function drawn(): number {
  return Math.floor(Math.random() * SEEDS_END);
}

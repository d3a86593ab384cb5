/** What a run of the simulator says. Nothing of it depends on how many threads lived the lives, or on how fast. */
import { INVARIANTS } from './invariants.ts';
import { KNOWN, type Known } from './known.ts';
import type { Life } from './life.ts';
import type { Shrunk } from './shrink.ts';
import type { Lived } from './workers.ts';

/** Happenings of a schedule that are told one by one. */
const TOLD_MAX = 60;

export function broken({ seed, story, elapsedMs, traceHash, broken: found }: Life): string {
  if (found === undefined) return `seed ${seed} breaks no invariant`;
  const { invariant, how, atStep } = found;
  return [
    `\nseed ${seed}, step ${atStep}, after ${elapsedMs} simulated ms, trace ${traceHash}: ${invariant}: ${INVARIANTS[invariant]}`,
    `  found: ${how}`,
    `  what befell the fleet last: ${[...story].slice(-5).map(([n, what]) => `${n}: ${what}`).join('; ')}`,
  ].join('\n');
}

export function shrunk({ options, life, before, lives }: Shrunk): string {
  const story = [...life.story];
  const told = story.slice(0, TOLD_MAX).map(([n, what]) => `    ${n}: ${what}`);
  const left = story.length - told.length;
  return [
    `  the shortest schedule that breaks the same, of ${lives} tried: ${story.length} of ${before.happenings} happenings, ${options.steps} of ${before.steps} steps`,
    ...told,
    ...(left > 0 ? [`    and ${left} more`] : []),
    `  found there: ${life.broken?.how}`,
    `  to live it again: npm run sim -- ${flagsOf(options)} [--trace]`,
  ].join('\n');
}

function flagsOf({ seed, steps, only, without = [] }: Shrunk['options']): string {
  const flags = [`--seed ${seed}`, `--steps ${steps}`, `--only ${only === undefined || only.size === 0 ? 'none' : [...only].join()}`];
  return [...flags, ...(without.length > 0 ? [`--without ${without.join()}`] : [])].join(' ');
}

/** What was reached in a run, so that one sees that the invariants were put to the test. */
export class Tally {
  lives = 0;
  steps = 0;
  /** Other than those known to be. */
  broken = 0;
  known = 0;
  readonly #reached = new Map<string, number>();
  readonly #excused: readonly Known[];

  constructor(excused = KNOWN) {
    this.#excused = excused;
  }

  #add(life: Life): void {
    this.lives++;
    this.steps += life.steps;
    for (const [what, times] of Object.entries(life.reached)) this.#reached.set(what, (this.#reached.get(what) ?? 0) + times);
  }

  /** What is to be told of it; undefined: nothing. */
  judge({ options: { seed, steps, only, without }, life }: Lived): string | undefined {
    this.#add(life);
    const isWhole = only === undefined && (without ?? []).length === 0;
    const known = isWhole ? this.#excused.find((each) => each.seed === seed && each.steps === steps) : undefined;
    if (known !== undefined && life.broken?.invariant === known.invariant) {
      this.known++;
      return `${broken(life)}\n  known: ${known.why}`;
    }
    if (known === undefined && life.broken === undefined) return undefined;
    this.broken++;
    return life.broken === undefined ? `seed ${seed} breaks nothing any more, and stands in test/simulation/known.ts` : broken(life);
  }

  get told(): string {
    const reached = [...this.#reached].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([what, times]) => `${what}: ${times}`);
    return `${reached.join(', ')}\n${this.lives} lives, ${this.steps} steps, ${this.broken} broken${this.known > 0 ? `, ${this.known} known to be` : ''}`;
  }
}

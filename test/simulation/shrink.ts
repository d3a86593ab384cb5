/**
 * The shortest schedule of a life that breaks an invariant: it is lived again and again with fewer steps, fewer kinds of
 * faults and fewer happenings, as long as what breaks first stays the same. How long that may go on is counted in lives,
 * so that the answer is the same on any machine.
 */
import { live, type Life, type LifeOptions } from './life.ts';
import { RATES } from './profile.ts';

export interface Shrunk {
  /** What to live again. */
  readonly options: Omit<LifeOptions, 'print'>;
  /** What happens then. */
  readonly life: Life;
  /** Of the life as it was given. */
  readonly before: { readonly happenings: number; readonly steps: number };
  /** Lived for it. */
  readonly lives: number;
}

/** Of the steps, in the safety phase. */
const SAFE_SHARE = 0.75;

/**
 * @param options of a life that breaks an invariant
 * @param livesMax how many lives may be lived, > 0
 */
export async function shrink(options: Omit<LifeOptions, 'print'>, livesMax: number): Promise<Shrunk> {
  const search = new Search(livesMax);
  const first = await search.begin(options);
  let found = first;
  for (let size = Infinity; found.size < size && !search.isOver; ) {
    ({ size } = found);
    found = await fewerSteps(search, found);
    found = await fewerFaults(search, found);
    found = await fewerHappenings(search, found);
  }
  const before = { happenings: first.life.story.size, steps: options.steps };
  return { options: found.options, life: found.life, before, lives: search.lives };
}

interface Tried {
  readonly options: Omit<LifeOptions, 'print'> & { readonly only: ReadonlySet<number> };
  readonly life: Life;
  readonly size: number;
}

class Search {
  lives = 0;
  readonly #livesMax: number;
  #invariant: string | undefined;

  constructor(livesMax: number) {
    this.#livesMax = livesMax;
  }

  get isOver(): boolean {
    return this.lives >= this.#livesMax;
  }

  async begin(options: Omit<LifeOptions, 'print'>): Promise<Tried> {
    this.lives++;
    const life = await live(options);
    if (life.broken === undefined) throw new Error(`seed ${options.seed} breaks no invariant`);
    this.#invariant = life.broken.invariant;
    return triedOf({ ...options, only: options.only ?? new Set(life.story.keys()) }, life);
  }

  /** Undefined: it doesn't break the same, or there is no time left to see. */
  async try(options: Tried['options']): Promise<Tried | undefined> {
    if (this.isOver) return undefined;
    this.lives++;
    const life = await live(options);
    return life.broken?.invariant === this.#invariant ? triedOf(options, life) : undefined;
  }
}

/** What never came is in no schedule. */
function triedOf(options: Tried['options'], life: Life): Tried {
  const only = new Set(life.story.keys());
  return { options: { ...options, only }, life, size: only.size * 10_000 + options.steps };
}

async function fewerSteps(search: Search, from: Tried): Promise<Tried> {
  let found = from;
  const untilBroken = Math.ceil((from.life.broken?.atStep ?? 0) / SAFE_SHARE);
  if (untilBroken < from.options.steps) found = (await search.try({ ...from.options, steps: untilBroken })) ?? found;
  for (const share of [0.5, 0.75, 0.9]) {
    for (;;) {
      const shorter = await search.try({ ...found.options, steps: Math.floor(found.options.steps * share) });
      if (shorter === undefined) break;
      found = shorter;
    }
  }
  return found;
}

async function fewerFaults(search: Search, from: Tried): Promise<Tried> {
  let found = from;
  for (const rate of RATES) {
    const without = found.options.without ?? [];
    if (found.life.profile.rates[rate] === 0 || without.includes(rate)) continue;
    found = (await search.try({ ...found.options, without: [...without, rate] })) ?? found;
  }
  return found;
}

/** Delta debugging: without each half, quarter … single one. */
async function fewerHappenings(search: Search, from: Tried): Promise<Tried> {
  let found = from;
  for (let parts = 2; found.options.only.size > 0 && !search.isOver; ) {
    const all = [...found.options.only];
    const less = await withoutAPart(search, found, parts);
    if (less !== undefined) {
      found = less;
      parts = Math.max(2, parts - 1);
    } else if (parts >= all.length) break;
    else parts = Math.min(all.length, parts * 2);
  }
  return found;
}

async function withoutAPart(search: Search, { options }: Tried, parts: number): Promise<Tried | undefined> {
  const all = [...options.only];
  const length = Math.ceil(all.length / parts);
  for (let from = 0; from < all.length && !search.isOver; from += length) {
    const less = await search.try({ ...options, only: new Set(all.toSpliced(from, length)) });
    if (less !== undefined) return less;
  }
  return undefined;
}

/**
 * One life of a simulated fleet, from its seed: a safety phase in which everything may go wrong, then a healing phase in
 * which nothing does and everything must converge, then one in which all behind the proxies is dead for a while.
 */
import { Chance } from '../support/chance.ts';
import { checkConverged, checkDeadBehind, CLOSED_WITHIN_MS, isConverged } from './convergence.ts';
import { checkVerified } from './audit.ts';
import { Happenings } from './happenings.ts';
import type { Invariant } from './invariants.ts';
import { profileFrom, type Profile, type RATES } from './profile.ts';
import { Scheduler } from './scheduler.ts';
import { World } from './world.ts';

export interface LifeOptions {
  readonly seed: number;
  /** About how many things happen: the safety phase has three quarters of them, the rest takes as many as it takes. */
  readonly steps: number;
  /** The only happenings that come, by number; absent: all. */
  readonly only?: ReadonlySet<number>;
  /** Rates that are 0. */
  readonly without?: readonly (typeof RATES)[number][];
  /** Is given each line of the trace. */
  readonly print?: (line: string) => void;
}

export interface Life {
  readonly seed: number;
  readonly steps: number;
  /** Simulated, ms. */
  readonly elapsedMs: number;
  readonly traceHash: string;
  readonly broken?: { readonly invariant: Invariant; readonly how: string; readonly atStep: number };
  /** What befell the fleet, by number. */
  readonly story: ReadonlyMap<number, string>;
  readonly profile: Profile;
  /** How often what was reached, to show that the invariants were put to the test. */
  readonly reached: Readonly<Record<string, number>>;
}

/** Everything has come to what the log says within so long of the end of faults, simulated ms: a slow reader's backlog takes minutes. */
const HEALED_WITHIN_MS = 300_000;
const LOOK_EACH_MS = 250;
/** Longer than any state with an end lasts, ms. */
const DEAD_MS = 16_000;
/** To ask for the log's bounds, append the mark, read and commit it. */
const CLOSING_ROUND_TRIPS = 4;
/** Traffic while it heals, and while all behind the proxies is dead, ms. */
const CALL_EACH_MS = 100;

export async function live(options: LifeOptions): Promise<Life> {
  const { seed, steps } = options;
  const scheduler = new Scheduler(options.print);
  const drawn = profileFrom(new Chance(seed));
  const rates = { ...drawn.rates, ...Object.fromEntries((options.without ?? []).map((rate) => [rate, 0])) };
  const profile = { ...drawn, rates };
  const world = new World(seed, scheduler, profile);
  const story = new Map<number, string>();
  try {
    await beSafe(world, { options, story, untilStep: Math.round(steps * 0.75) });
    await heal(world);
    await dieBehind(world);
  } catch (error) {
    world.broke(error);
  }
  const { violation } = world;
  return {
    seed, story, profile, steps: scheduler.steps, elapsedMs: scheduler.elapsedMs, traceHash: scheduler.traceHash, reached: reachedIn(world),
    ...(violation === undefined ? {} : { broken: { invariant: violation.invariant, how: violation.message, atStep: scheduler.steps } }),
  };
}

async function beSafe(world: World, { options, story, untilStep }: { options: LifeOptions; story: Map<number, string>; untilStep: number }): Promise<void> {
  const { scheduler } = world;
  const happenings = new Happenings(options.seed, world.profile);
  let isSafe = true;
  const happenNext = (n: number): void => {
    const { afterMs, seed, happen } = happenings.at(n);
    const isLeftOut = options.only !== undefined && !options.only.has(n);
    const waitMs = Math.max(0, world.pausedUntilMs - scheduler.nowMs);
    scheduler.after(afterMs + waitMs, isLeftOut ? 'nothing' : 'something', () => {
      if (!isSafe) return;
      // What comes between this one and the next is left to the same chance, whatever came before.
      world.reseed(seed);
      if (!isLeftOut) {
        const what = happen(world);
        story.set(n, what);
        scheduler.note(what);
      }
      happenNext(n + 1);
    });
  };
  happenNext(0);
  while (scheduler.steps < untilStep) await step(world);
  isSafe = false;
}

async function heal(world: World): Promise<void> {
  const { scheduler } = world;
  scheduler.note('faults stop');
  world.calm();
  const untilMs = scheduler.nowMs + HEALED_WITHIN_MS;
  const endTraffic = keepCalling(world);
  await passTime(world, DEAD_MS / 8);
  endTraffic();
  await converge(world, untilMs);
}

async function converge(world: World, untilMs: number): Promise<void> {
  const come = async (): Promise<void> => {
    while (!isConverged(world) && world.scheduler.nowMs < untilMs) await passTime(world, LOOK_EACH_MS);
  };
  await come();
  // What was still to be folded may have begun a lease that is over by now: its end is made by a mark (T5).
  await passTime(world, CLOSED_WITHIN_MS + CLOSING_ROUND_TRIPS * world.slowestRoundTripMs);
  await come();
  checkConverged(world);
  await checkVerified(world);
}

/** T4: nothing that has an end outlasts it; and what was let through then is counted (G3). */
async function dieBehind(world: World): Promise<void> {
  const { scheduler, network } = world;
  scheduler.note('all behind the proxies is dead');
  world.forceSome();
  await passTime(world, 3_000);
  network.cut('kafka', DEAD_MS);
  network.cut('redis', DEAD_MS);
  const endTraffic = keepCalling(world);
  await passTime(world, DEAD_MS - 500);
  checkDeadBehind(world, DEAD_MS - 500);
  endTraffic();
  await passTime(world, 1_000);
  await converge(world, scheduler.nowMs + HEALED_WITHIN_MS);
}

/** @returns ends it */
function keepCalling(world: World): () => void {
  let isEnded = false;
  const callOne = (): void => {
    world.scheduler.after(CALL_EACH_MS, 'a call', () => {
      if (isEnded) return;
      world.chance.of(world.proxies).call(world.chance.of(world.hosts));
      callOne();
    });
  };
  callOne();
  return () => (isEnded = true);
}

async function passTime(world: World, ms: number): Promise<void> {
  const { scheduler } = world;
  const endMs = scheduler.nowMs + ms;
  scheduler.after(ms, 'time passes', () => undefined);
  while (scheduler.nowMs < endMs) await step(world);
}

async function step(world: World): Promise<void> {
  await world.scheduler.step();
  if (world.violation !== undefined) throw world.violation;
}

function reachedIn({ store, counts, truths }: World): Record<string, number> {
  const reached: Record<string, number> = { ...counts };
  const add = (what: string, n: number): void => void (reached[what] = (reached[what] ?? 0) + n);
  for (const [kind, n] of Object.entries(store.answers)) add(`answered ${kind}`, n);
  for (const truth of truths) {
    add('incarnations', 1);
    add('transitions', truth.transitions.size);
    add('leases counted', truth.leased);
    for (const [what, n] of truth.reached) add(`log: ${what}`, n);
  }
  return reached;
}


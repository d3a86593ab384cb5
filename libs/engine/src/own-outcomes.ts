/**
 * What a proxy's own outcomes of one upstream prove by themselves while the fleet's state is known (V7): a count in one
 * window, for amounts only, and the opening that a count which reached its threshold brings for a moment. Its window and
 * its thresholds are the fold's (window.ts, judge.ts). It has no generation and leaves the process in nothing (G3).
 */
import { reachesAmount } from './judge.ts';
import { pullInWindow } from './machine.ts';
import { isError, type Admission } from './outcome.ts';
import type { Policy } from './policy.ts';
import type { Call } from './reporter.ts';
import type { Heard } from './seen.ts';
import { isNewerGeneration, isSameGeneration } from './snapshot.ts';
import { Window } from './window.ts';

/** How long an opening lasts at most, ms; a shorter `degradedTimeWindow` ends it sooner (T4). */
const OPEN_MAX_MS = 1_000;

/**
 * How an opening ended: the fleet's next state is open; its time ran out; or something else came first (a next state
 * that isn't open, a policy without amounts or none, a state that became unknown).
 */
export const PROVISIONAL_VERDICTS = ['agreed', 'none', 'other'] as const;
export type ProvisionalVerdict = (typeof PROVISIONAL_VERDICTS)[number];

export class OwnOutcomes {
  readonly #window = new Window();
  /** The generation that is counted (G2). */
  #under: Admission;
  /** It opened in this window: until the window ends, nothing is counted. */
  #isSpent = false;
  /** By the monotonic clock; -Infinity: not open. */
  #openUntilMs = -Infinity;

  constructor(under: Admission) {
    this.#under = under;
  }

  /** @returns whether an amount was reached: then `open` is to follow. `under` is the stamp of the call and of the state. */
  count({ result, durationMs }: Call, under: Admission, { policy, nowMs }: { policy: Policy; nowMs: number }): boolean {
    const window = this.#window;
    if (!isSameGeneration(under, this.#under)) this.#begin(under);
    pullInWindow(window, nowMs);
    const isOver = window.startedAtMs === undefined || nowMs >= window.startedAtMs + policy.statTimeWindowMs;
    if (this.#isSpent && !isOver) return false;
    this.#isSpent = false;
    const slow = durationMs !== undefined && durationMs >= policy.slowTimeThresholdMs;
    window.count({ calls: 1, error: isError(result), slow }, nowMs, policy.statTimeWindowMs);
    return reachesAmount(window, policy);
  }

  /** Once in this window. */
  open({ degradedTimeWindowMs }: Policy, monotonicMs: number): void {
    this.#isSpent = true;
    this.#openUntilMs = monotonicMs + Math.min(OPEN_MAX_MS, degradedTimeWindowMs);
  }

  close(): void {
    this.#openUntilMs = -Infinity;
  }

  /** C3: what is measured has changed, so an empty window begins. */
  empty(): void {
    this.#window.empty();
    this.#isSpent = false;
  }

  /** Ms; 0 or less: over; -Infinity: it isn't open. */
  openLeftMs(monotonicMs: number): number {
    return this.#openUntilMs - monotonicMs;
  }

  /** Is this the fleet's word on what was counted? Of the same generation too, where that turns out to be an operator's. */
  isAnsweredBy(heard: Admission & Pick<Heard, 'canTrip'>): boolean {
    return isNewerGeneration(heard, this.#under) || (isSameGeneration(heard, this.#under) && !heard.canTrip);
  }

  /** G1: every transition empties the window. */
  #begin(under: Admission): void {
    this.#under = under;
    this.empty();
  }
}

/**
 * A run: the outcomes of one upstream out of a batch, each with the fold clock at its record, handed to its actor as
 * one event. The actor takes outcomes off it until its state changes, and the new state goes on where the old one
 * stopped; so batches cost one event, and no outcome is judged in a state that is over.
 */
import type { Admittance, Standing } from './admission.ts';
import { admittance } from './admission.ts';
import type { Threshold } from './judge.ts';
import { tripsOn } from './judge.ts';
import type { Outcome } from './outcome.ts';
import { isError } from './outcome.ts';
import type { Policy } from './policy.ts';
import type { Window } from './window.ts';

/** Where calls are added up by what became of them. */
export interface RunTally {
  counted: number;
  whileOpen: number;
  stale: number;
  otherIncarnation: number;
  future: number;
}

/** What a closed breaker counts with. */
interface Counting extends Standing {
  readonly window: Window;
  readonly policy: Policy;
}

export class Run {
  readonly #outcomes: Outcome[] = [];
  readonly #clocksMs: number[] = [];
  readonly #offsets: number[] = [];
  readonly #tally: RunTally;
  #position = 0;
  /** One past the last outcome that counted (V1); -1: none did. */
  touchedNext = -1;

  constructor(tally: RunTally) {
    this.#tally = tally;
  }

  add(outcome: Outcome, clockMs: number, offset: number): void {
    this.#outcomes.push(outcome);
    this.#clocksMs.push(clockMs);
    this.#offsets.push(offset);
  }

  get done(): boolean {
    return this.#position === this.#outcomes.length;
  }

  /** The outcome that is to be judged next, or was last, by `step`. */
  at(step: 'next' | 'last'): { outcome: Outcome; clockMs: number; offset: number } {
    const index = step === 'next' ? this.#position : this.#position - 1;
    return {
      outcome: this.#outcomes[index] as Outcome,
      clockMs: this.#clocksMs[index] as number,
      offset: this.#offsets[index] as number,
    };
  }

  /** While closed: counts, until one trips (where `judged`) or the state's lease is over. */
  count(breaker: Counting, judged: boolean): Threshold | 'expire' | 'done' {
    const { window, policy } = breaker;
    // One object for the whole run: this is the hot loop.
    const alike = { calls: 0, error: false, slow: false };
    for (; this.#position < this.#outcomes.length; this.#position++) {
      const outcome = this.#outcomes[this.#position] as Outcome;
      const clockMs = this.#clocksMs[this.#position] as number;
      const admitted = admittance(outcome, clockMs, breaker);
      if (admitted === 'expire') return 'expire';
      if (!this.#isCurrent(admitted, outcome)) continue;
      alike.calls = outcome.count;
      alike.error = isError(outcome.result);
      alike.slow = outcome.durationMs !== undefined && outcome.durationMs >= policy.slowTimeThresholdMs;
      window.count(alike, clockMs, policy.statTimeWindowMs);
      this.#tally.counted += outcome.count;
      this.touchedNext = (this.#offsets[this.#position] as number) + 1;
      const threshold = judged ? tripsOn(window, policy) : undefined;
      if (threshold === undefined) continue;
      this.#position++;
      return threshold;
    }
    return 'done';
  }

  /** While open: counts nothing, until the state's lease is over. */
  passOver(standing: Standing): 'expire' | 'done' {
    for (; this.#position < this.#outcomes.length; this.#position++) {
      const outcome = this.#outcomes[this.#position] as Outcome;
      const admitted = admittance(outcome, this.#clocksMs[this.#position] as number, standing);
      if (admitted === 'expire') return 'expire';
      if (this.#isCurrent(admitted, outcome)) this.#tally.whileOpen += outcome.count;
    }
    return 'done';
  }

  #isCurrent(admitted: Exclude<Admittance, 'expire'>, outcome: Outcome): boolean {
    if (admitted === 'current') return true;
    this.#tally[admitted] += outcome.count;
    return false;
  }
}

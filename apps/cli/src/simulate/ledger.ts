/** What a breaker would have come to: the calls that it refuses, and what would have become of them. */
import { isError, type LogRecord, type Outcome, type Policy, type Transition } from '#engine';

export interface Ledger {
  readonly calls: number;
  /** Answered by the breaker itself. Each is one of the next three. */
  readonly refused: number;
  /** Would have succeeded, and fast: what the protection costs. */
  readonly refusedGood: number;
  /** Errors kept from callers, and from an upstream in trouble. */
  readonly keptErrors: number;
  readonly keptSlow: number;
  /** How long it would have been open, ms. */
  readonly openMs: number;
}

export class LedgerBook {
  calls = 0;
  refusedGood = 0;
  keptErrors = 0;
  keptSlow = 0;
  openMs = 0;
  trips = 0;
  readonly #slowTimeThresholdMs: number;
  /** The last time that it was open: from behind the record that opened it, [since, until). */
  #openedBy = Infinity;
  #sinceMs = Infinity;
  #untilMs = -Infinity;

  constructor({ slowTimeThresholdMs }: Policy) {
    this.#slowTimeThresholdMs = slowTimeThresholdMs;
  }

  /** At its record, before that record's own call is entered. */
  moved(offset: number, { to, atMs, openUntilMs }: Transition): void {
    if (to === 'closed') {
      // T1: what a set-back pulled in may be over before it began.
      this.openMs += Math.max(0, atMs - this.#sinceMs);
      this.#untilMs = atMs;
    } else {
      this.trips++;
      this.#openedBy = offset;
      this.#sinceMs = atMs;
      this.#untilMs = openUntilMs ?? Infinity;
    }
  }

  /** Of such a call the engine counts nothing: while open by the fold clock, or known before that state was over (G2). */
  enter({ atMs, count, result, durationMs }: Outcome, { offset, appendMs }: Pick<LogRecord, 'offset' | 'appendMs'>): void {
    this.calls += count;
    if (offset <= this.#openedBy || atMs < this.#sinceMs || appendMs >= this.#untilMs) return;
    if (isError(result)) this.keptErrors += count;
    else if (durationMs !== undefined && durationMs >= this.#slowTimeThresholdMs) this.keptSlow += count;
    else this.refusedGood += count;
  }

  get refused(): number {
    return this.refusedGood + this.keptErrors + this.keptSlow;
  }

  get ledger(): Ledger {
    const { calls, refused, refusedGood, keptErrors, keptSlow, openMs } = this;
    return { calls, refused, refusedGood, keptErrors, keptSlow, openMs };
  }
}

/**
 * The log's clock as a proxy can know it (T2): its own wall clock, corrected by the append times that its sends return,
 * or, while it sends nothing, by the store's clock. What another clock said lies between two readings of ours: that
 * bounds how far it is ahead, and the correction moves only as far as it must to lie within, so that one slow answer
 * does not undo what a quick one showed.
 */
import type { StoreTime } from './ports.ts';

/** For so long after an append the store isn't asked, ms: the log's own word is better. */
const APPEND_COUNTS_MS = 10_000;
/** The log's clock and the store's are two. By less than this the store corrects nothing that the log has said, ms. */
const STORE_SLACK_MS = 1_000;

export class LogClock {
  readonly #wallMs: () => number;
  #aheadMs = 0;
  /** By the own clock. */
  #appendedMs: number | undefined;

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs() + this.#aheadMs;
  }

  /** The own clock's reading, for `observe`. */
  wallMs(): number {
    return this.#wallMs();
  }

  /** A record sent and acknowledged at these readings of the own clock was appended at `appendMs` by the log's. */
  observe(appendMs: number, { sentMs, acknowledgedMs }: { sentMs: number; acknowledgedMs: number }): void {
    this.#appendedMs = acknowledgedMs;
    this.#moveInto(appendMs - acknowledgedMs, appendMs - sentMs);
  }

  observeStore({ atMs, askedMs, toldMs }: StoreTime): void {
    // Below 0: our own clock was set back since, and what the log said was about another one.
    const sinceAppendMs = this.#appendedMs === undefined ? Infinity : toldMs - this.#appendedMs;
    if (sinceAppendMs >= 0 && sinceAppendMs < APPEND_COUNTS_MS) return;
    const slackMs = this.#appendedMs === undefined ? 0 : STORE_SLACK_MS;
    this.#moveInto(atMs - toldMs - slackMs, atMs - askedMs + slackMs);
  }

  #moveInto(leastMs: number, mostMs: number): void {
    this.#aheadMs = Math.min(Math.max(this.#aheadMs, leastMs), mostMs);
  }
}

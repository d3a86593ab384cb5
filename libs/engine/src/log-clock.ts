/**
 * The log's clock as a proxy can know it (T2): at first its own wall clock; once a clock of the fleet was heard, what that
 * said and the time since by a clock that never jumps, so that setting the wall clock changes nothing any more, and an
 * answer that is late to be told is no more wrong than a prompt one. It is corrected by the append times that its sends
 * return, or, while it sends nothing, by the store's clock. What another clock said lies between two readings of ours:
 * the correction moves only as far as it must to lie within, so that one slow answer does not undo what a quick one showed.
 */
import type { StoreTime } from './ports.ts';

/** For so long after an append the store isn't asked, ms: the log's own word is better. */
const APPEND_COUNTS_MS = 10_000;
/** The log's clock and the store's are two. By less than this the store corrects nothing that the log has said, ms. */
const STORE_SLACK_MS = 1_000;

export interface OwnClocks {
  /** ms since 1970; may be off, and may be set. */
  readonly wallMs: () => number;
  /** ms since whenever; never set. */
  readonly monotonicMs: () => number;
}

export class LogClock {
  readonly #own: OwnClocks;
  /** From the monotonic clock to the log's; undefined: none of the fleet's clocks was heard yet. */
  #aheadMs: number | undefined;
  /** By the monotonic clock. */
  #appendedMs: number | undefined;

  constructor(own: OwnClocks) {
    this.#own = own;
  }

  nowMs(): number {
    return this.#aheadMs === undefined ? this.#own.wallMs() : this.#own.monotonicMs() + this.#aheadMs;
  }

  /** For `observe`. */
  monotonicMs(): number {
    return this.#own.monotonicMs();
  }

  /** A record sent and acknowledged at these readings of the monotonic clock was appended at `appendMs` by the log's. */
  observe(appendMs: number, { sentMs, acknowledgedMs }: { sentMs: number; acknowledgedMs: number }): void {
    this.#appendedMs = acknowledgedMs;
    this.#moveInto(appendMs - acknowledgedMs, appendMs - sentMs);
  }

  observeStore({ atMs, askedMonotonicMs, toldMonotonicMs }: StoreTime): void {
    if (this.#appendedMs !== undefined && toldMonotonicMs - this.#appendedMs < APPEND_COUNTS_MS) return;
    const slackMs = this.#appendedMs === undefined ? 0 : STORE_SLACK_MS;
    this.#moveInto(atMs - toldMonotonicMs - slackMs, atMs - askedMonotonicMs + slackMs);
  }

  #moveInto(leastMs: number, mostMs: number): void {
    const aheadMs = this.#aheadMs ?? this.#own.wallMs() - this.#own.monotonicMs();
    this.#aheadMs = Math.min(Math.max(aheadMs, leastMs), mostMs);
  }
}

/**
 * The log's clock as a proxy can know it (T2): its own wall clock, corrected by the append times that its sends return.
 * An append happened between send and reply: that bounds how far the log's clock is ahead, and the correction moves only
 * as far as it must to lie within, so that one slow send does not undo what a quick one showed.
 */
export class LogClock {
  readonly #wallMs: () => number;
  #aheadMs = 0;

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
    const [leastMs, mostMs] = [appendMs - acknowledgedMs, appendMs - sentMs];
    this.#aheadMs = Math.min(Math.max(this.#aheadMs, leastMs), mostMs);
  }
}

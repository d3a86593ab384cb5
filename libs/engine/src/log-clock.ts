/**
 * The log's clock as a proxy can know it (T2): its own wall clock, corrected by the append times that its sends return.
 * An append happened between send and reply, so within that span the own clock is right and nothing is corrected.
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
    if (appendMs < sentMs) this.#aheadMs = appendMs - sentMs;
    else if (appendMs > acknowledgedMs) this.#aheadMs = appendMs - acknowledgedMs;
    else this.#aheadMs = 0;
  }
}

/** One timer for many deadlines: wakes at the earliest. */

/** What `setTimeout` can hold, ms. */
const TIMER_MAX_MS = 2_147_483_647;

export class LeaseTimer {
  readonly #wake: () => void;
  #timer: NodeJS.Timeout | undefined;
  #atMs = Infinity;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  /** Wakes in `inMs` at the latest; an earlier time that was asked for stays. `nowMs` by a clock that is never set back. */
  within(inMs: number, nowMs: number): void {
    const atMs = nowMs + Math.max(0, inMs);
    if (atMs >= this.#atMs) return;
    this.#atMs = atMs;
    clearTimeout(this.#timer);
    // A timer may fire a little early; a millisecond more saves waking twice.
    this.#timer = setTimeout(() => this.#fire(), Math.min(TIMER_MAX_MS, Math.max(0, Math.ceil(inMs)) + 1));
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#atMs = Infinity;
  }

  #fire(): void {
    this.#atMs = Infinity;
    this.#wake();
  }
}

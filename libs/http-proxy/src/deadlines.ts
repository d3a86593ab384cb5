/**
 * Time-outs of many calls by one timer: each item says when it is due and changes that freely, and a sweep looks. A
 * time-out is exact to the sweep's interval, and costs a call no timer of its own.
 */
export interface Timed {
  /** Monotonic, ms; Infinity = not now. */
  dueAtMs: number;
  /** Called by a sweep at or after `dueAtMs`, until the item moves it or leaves. */
  onDue(nowMs: number): void;
}

const SWEEP_MIN_MS = 5;
const SWEEP_MAX_MS = 250;

export class Deadlines {
  readonly now: () => number;
  readonly #items = new Set<Timed>();
  readonly #timer: NodeJS.Timeout;

  /** @param shortestMs of the time-outs it will be used for: a quarter of it is how often it looks, 5 to 250 ms. */
  constructor(now: () => number, shortestMs: number) {
    this.now = now;
    const intervalMs = Math.min(SWEEP_MAX_MS, Math.max(SWEEP_MIN_MS, shortestMs / 4));
    this.#timer = setInterval(() => this.#sweep(), intervalMs).unref();
  }

  add(item: Timed): void {
    this.#items.add(item);
  }

  delete(item: Timed): void {
    this.#items.delete(item);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sweep(): void {
    const nowMs = this.now();
    for (const item of this.#items) if (item.dueAtMs <= nowMs) item.onDue(nowMs);
  }
}

/**
 * Measurement: the tumbling statistics window of one upstream. It counts and knows when it is over; what the counts
 * mean is judge.ts's business, and time comes in as an argument.
 */
import type { WindowCounts } from './transition.ts';

/** L4: so many calls that ended alike. */
export interface Alike {
  calls: number;
  error: boolean;
  slow: boolean;
}

export class Window {
  /** Fold clock of the first outcome counted; undefined: nothing counted yet (T3). */
  startedAtMs: number | undefined;
  total = 0;
  errors = 0;
  slow = 0;

  static from(counts: WindowCounts): Window {
    const window = new Window();
    window.startedAtMs = counts.startedAtMs;
    window.total = counts.total;
    window.errors = counts.errors;
    window.slow = counts.slow;
    return window;
  }

  /** T3: [start, start + length), started by the first outcome after the last one ended. One step for calls alike (L4). */
  count({ calls, error, slow }: Alike, clockMs: number, lengthMs: number): void {
    if (this.startedAtMs === undefined || clockMs >= this.startedAtMs + lengthMs) {
      this.empty();
      this.startedAtMs = clockMs;
    }
    this.total += calls;
    if (error) this.errors += calls;
    if (slow) this.slow += calls;
  }

  empty(): void {
    this.startedAtMs = undefined;
    this.total = 0;
    this.errors = 0;
    this.slow = 0;
  }

  counts(): WindowCounts {
    const { startedAtMs, total, errors, slow } = this;
    return startedAtMs === undefined ? EMPTY : { startedAtMs, total, errors, slow };
  }
}

export const EMPTY: WindowCounts = Object.freeze({ total: 0, errors: 0, slow: 0 });

/** T3: what a reader sees at `nowMs`: zeros once the window has ended. */
export function readWindow(counts: WindowCounts, lengthMs: number, nowMs: number): WindowCounts {
  const over = counts.startedAtMs === undefined || nowMs >= counts.startedAtMs + lengthMs;
  return over ? EMPTY : counts;
}

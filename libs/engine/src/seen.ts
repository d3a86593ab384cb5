/** What a proxy keeps of snapshots: what decides, and since when it is known. */
import { canTrip, isSameGeneration, type Snapshot } from './snapshot.ts';

/**
 * What decides of a snapshot, and when its lease was first seen, by the monotonic clock (T4). There are many: no more is
 * kept, and those that are alike share one.
 */
export interface Seen extends Pick<Snapshot, 'incarnation' | 'generation' | 'state' | 'admit'> {
  /** 0, as `firstSeenMs`, where it has no end: then both decide nothing. */
  readonly sinceMs: number;
  readonly untilMs: number | undefined;
  readonly canTrip: boolean;
  readonly firstSeenMs: number;
}

const ENDLESS = { sinceMs: 0, firstSeenMs: 0 } as const;

/** What is kept of a snapshot, and for how long it is the newest (V1). */
export interface Heard extends Pick<Snapshot, 'upstream' | 'incarnation' | 'next' | 'generation' | 'state' | 'admit' | 'sinceMs'> {
  readonly untilMs: number | undefined;
  readonly canTrip: boolean;
}

export function heardOf(snapshot: Snapshot): Heard {
  const { upstream, incarnation, next, generation, state, admit, sinceMs, untilMs } = snapshot;
  return { upstream, incarnation, next, generation, state, admit, sinceMs, untilMs, canTrip: canTrip(snapshot) };
}

export class SeenStates {
  /** Those that are alike mostly come together. */
  #last: Seen | undefined;

  /**
   * T4: the lease of a generation is first seen once.
   * @param before of the same upstream
   * @param atMs when it was heard of, by the monotonic clock
   */
  of(heard: Omit<Heard, 'upstream' | 'next'>, before: Seen | undefined, atMs: number): Seen {
    const { incarnation, generation, state, admit, untilMs, canTrip: isTrippable } = heard;
    const decides = { incarnation, generation, state, admit, untilMs, canTrip: isTrippable };
    if (untilMs === undefined) return this.#shared({ ...decides, ...ENDLESS });
    const firstSeenMs = before?.untilMs !== undefined && isSameGeneration(heard, before) ? before.firstSeenMs : atMs;
    return this.#shared({ ...decides, sinceMs: heard.sinceMs, firstSeenMs });
  }

  #shared(seen: Seen): Seen {
    const last = this.#last;
    return last !== undefined && isAlike(last, seen) ? last : (this.#last = seen);
  }
}

/** The same in all that is kept: one can stand for both. */
function isAlike(a: Seen, b: Seen): boolean {
  return (
    isSameGeneration(a, b) && a.state === b.state && a.admit === b.admit && a.sinceMs === b.sinceMs && a.untilMs === b.untilMs && a.canTrip === b.canTrip && a.firstSeenMs === b.firstSeenMs
  );
}

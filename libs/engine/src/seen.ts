/** What a proxy keeps of snapshots: what decides, and since when it is known. */
import { canTrip, isSameGeneration, type Snapshot } from './snapshot.ts';

/**
 * What decides of a snapshot, and when its generation was first seen, by the monotonic clock (T4). There are many: no more
 * is kept, and those that came to be and were heard of together share one.
 */
export interface Seen extends Pick<Snapshot, 'incarnation' | 'generation' | 'state' | 'admit'> {
  /** 0 where it has no end: then it decides nothing. */
  readonly sinceMs: number;
  readonly untilMs: number | undefined;
  readonly canTrip: boolean;
  readonly firstSeenMs: number;
}

export class SeenStates {
  /** Those that are alike mostly come together. */
  #last: Seen | undefined;

  /**
   * T4: a generation is first seen once.
   * @param before of the same upstream
   * @param atMs when the snapshot was heard of, by the monotonic clock
   */
  of(snapshot: Snapshot, before: Seen | undefined, atMs: number): Seen {
    const { incarnation, generation, state, admit, untilMs } = snapshot;
    const sinceMs = untilMs === undefined ? 0 : snapshot.sinceMs;
    const firstSeenMs = before !== undefined && isSameGeneration(snapshot, before) ? before.firstSeenMs : atMs;
    const seen = { incarnation, generation, state, admit, sinceMs, untilMs, canTrip: canTrip(snapshot), firstSeenMs };
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

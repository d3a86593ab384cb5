/**
 * T4: a state with an end is a lease, over for whoever holds the snapshot with no message from anyone.
 */
/** The clocks of whoever holds snapshots: a proxy, a console. */
export interface HolderClocks {
  /** The log's clock as known here, ms since 1970 (log-clock.ts). */
  readonly nowMs: () => number;
  /** Never set back, ms. */
  readonly monotonicMs: () => number;
}

/**
 * How long the state still holds, ms; 0 or less: it is over; Infinity: it has no end. At `until` by the log's clock, and
 * no later than the lease's own length after it was first seen, at `firstSeenMs` by the monotonic one.
 */
export function leaseLeftMs({ untilMs, sinceMs }: { readonly untilMs?: number | undefined; readonly sinceMs: number }, firstSeenMs: number, clocks: HolderClocks): number {
  if (untilMs === undefined) return Infinity;
  const byLengthMs = firstSeenMs + Math.max(0, untilMs - sinceMs) - clocks.monotonicMs();
  return Math.min(untilMs - clocks.nowMs(), byLengthMs);
}

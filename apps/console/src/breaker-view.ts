/** A breaker as a reader sees it at a moment: a lease that is over is over (T4), and so is a window (T3). */
import { readWindow, type Snapshot } from '#engine';

export interface BreakerView {
  readonly snapshot: Snapshot;
  readonly partition: number;
}

/** T5: what every fold makes of a state that ended, so that it can be shown before any message says so. */
export function afterLease(snapshot: Snapshot): Snapshot {
  const { untilMs, override: _override, ...kept } = snapshot;
  if (untilMs === undefined) return snapshot;
  return { ...kept, state: 'closed', admit: 1, generation: snapshot.generation + 1, sinceMs: untilMs, window: { total: 0, errors: 0, slow: 0 } };
}

/** T3: zeros once the window is over. Without `lengthMs` (its policy isn't known here) as it stands. */
export function withWindowAsOf(snapshot: Snapshot, nowMs: number, lengthMs: number | undefined): Snapshot {
  if (lengthMs === undefined) return snapshot;
  return { ...snapshot, window: readWindow(snapshot.window, lengthMs, nowMs) };
}

/** Is there anything to tell of but counts and position? What a watcher hears of. */
export function tellsAlike(a: Snapshot, b: Snapshot): boolean {
  return (
    a.incarnation === b.incarnation &&
    a.generation === b.generation &&
    a.state === b.state &&
    a.admit === b.admit &&
    a.untilMs === b.untilMs &&
    a.override?.controlOffset === b.override?.controlOffset &&
    a.policy?.version === b.policy?.version &&
    a.policy?.name === b.policy?.name &&
    a.policy?.namespace === b.policy?.namespace
  );
}

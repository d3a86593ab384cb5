/**
 * G2: may an outcome count, given the generation under which its call was admitted?
 */
import type { Outcome } from './outcome.ts';

/** What admission is judged against. */
export interface Standing {
  readonly incarnation: number;
  readonly generation: number;
  readonly sinceMs: number;
  readonly untilMs?: number | undefined;
}

/**
 * `current`: counts if the state counts at all; `expire`: the state's lease is as good as over, end it, then ask again;
 * the others are dropped under these names.
 */
export type Admittance = 'current' | 'expire' | 'stale' | 'otherIncarnation' | 'future';

/** A proxy may see a lease end this much earlier than the fold clock does, at most, ms. */
const EARLY_MAX_MS = 5_000;

export function admittance(outcome: Outcome, clockMs: number, standing: Standing): Admittance {
  const { admitted } = outcome;
  if (admitted === undefined) {
    // T2: an `at` in the future is the fold clock.
    return Math.min(outcome.atMs, clockMs) >= standing.sinceMs ? 'current' : 'stale';
  }
  if (admitted.incarnation !== standing.incarnation) return 'otherIncarnation';
  const ahead = admitted.generation - standing.generation;
  if (ahead === 0) return 'current';
  if (ahead < 0) return 'stale';
  return ahead === 1 && isNearlyOver(standing, clockMs) ? 'expire' : 'future';
}

function isNearlyOver({ sinceMs, untilMs }: Standing, clockMs: number): boolean {
  if (untilMs === undefined) return false;
  return clockMs >= untilMs - Math.min(EARLY_MAX_MS, (untilMs - sinceMs) / 2);
}

/**
 * One upstream's breaker, whole: what is stored, what proxies read, what an actor wakes from.
 */
import type { Admission } from './outcome.ts';
import { isEnforced, type PolicyIdentity } from './policy.ts';
import type { BreakerState, WindowCounts } from './transition.ts';

export interface Snapshot {
  readonly upstream: string;
  /** V1: (incarnation, next) is the version; `next` is one past the last record that touched this upstream. */
  readonly incarnation: number;
  readonly next: number;
  /** Transitions so far; the first application of a policy is 1 (G1). */
  readonly generation: number;
  readonly state: BreakerState;
  /** Share of calls let through, 0 to 1 (V5): 0 while open, 1 while closed, and where its policy isn't enforced (C4). */
  readonly admit: number;
  /** Fold clock at which the state began, ms. */
  readonly sinceMs: number;
  /** T4: the state is over from here on, with no message from anyone. Absent: it has no end. */
  readonly untilMs?: number;
  /** Set by hand. Who and why, for operators only. */
  readonly override?: Override;
  readonly window: WindowCounts;
  /** Absent: the policy was deleted; the snapshot stays for ever (C3). */
  readonly policy?: PolicyIdentity;
}

export interface Override {
  readonly author: string;
  readonly reason: string;
  readonly controlOffset: number;
}

/** V1: is `a` a later version than `b`? */
export function isNewer(a: Pick<Snapshot, 'incarnation' | 'next'>, b: Pick<Snapshot, 'incarnation' | 'next'>): boolean {
  return a.incarnation !== b.incarnation ? a.incarnation > b.incarnation : a.next > b.next;
}

/** G1: do both tell of the same state, if maybe of other counts? A lease is first seen once a generation (T4). */
export function isSameGeneration(a: Pick<Snapshot, 'incarnation' | 'generation'>, b: Pick<Snapshot, 'incarnation' | 'generation'>): boolean {
  return a.incarnation === b.incarnation && a.generation === b.generation;
}

/** G1: is `a` a later generation than `b`? */
export function isNewerGeneration(a: Admission, b: Admission): boolean {
  return a.incarnation !== b.incarnation ? a.incarnation > b.incarnation : a.generation > b.generation;
}

/** V5, C4: a person's word is enforced whatever the policy says of its own. */
export function admitOf(state: BreakerState, override: Override | undefined, policy: PolicyIdentity | undefined): number {
  const refuses = override !== undefined || policy === undefined || isEnforced(policy);
  return state === 'open' && refuses ? 0 : 1;
}

/** Is it closed by nobody's hand and under a policy, so that outcomes can trip it? */
export function canTrip({ state, override, policy }: Snapshot): boolean {
  return state === 'closed' && override === undefined && policy !== undefined;
}

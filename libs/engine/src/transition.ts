/**
 * A change of state, as it stands in the transitions log for ever. (incarnation, upstream, generation) names it (G1).
 */
import type { PolicyIdentity } from './policy.ts';

/** `half-open` is reserved; the engine hasn't it yet. */
export type BreakerState = 'closed' | 'open';

/** What a window held; `startedAtMs` absent: it counted nothing. */
export interface WindowCounts {
  readonly startedAtMs?: number;
  readonly total: number;
  readonly errors: number;
  readonly slow: number;
}

export type Cause =
  | { readonly kind: 'outcome'; readonly partition: number; readonly offset: number; readonly id?: string }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'override' | 'policy'; readonly author: string; readonly controlOffset: number };

export interface Transition {
  readonly upstream: string;
  readonly incarnation: number;
  /** The generation that it began. */
  readonly generation: number;
  readonly from: BreakerState;
  readonly to: BreakerState;
  /** Fold clock, ms; of an expiry the `until` that ended (T5). */
  readonly atMs: number;
  /** In words, for people. */
  readonly reason: string;
  readonly cause: Cause;
  /** The evidence: the window as it stood when the state changed. */
  readonly window: WindowCounts;
  /** Absent: the policy is gone. */
  readonly policy?: PolicyIdentity;
  /** T4: end of the new state, if it has one. */
  readonly openUntilMs?: number;
}

/** G1: names a transition for ever, whoever made it. */
export function transitionName({ incarnation, generation, upstream }: Pick<Transition, 'incarnation' | 'generation' | 'upstream'>): string {
  return `${incarnation} ${generation} ${upstream}`;
}

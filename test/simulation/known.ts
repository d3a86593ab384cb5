/**
 * Lives that break an invariant, for a reason that is being looked into. They are lived like all others, and told; a run
 * ends well with them, and not with any other, nor with one that breaks nothing any more and still stands here.
 */
import type { Invariant } from './invariants.ts';

export interface Known {
  readonly seed: number;
  readonly steps: number;
  readonly invariant: Invariant;
  /** What is known of it. */
  readonly why: string;
}

export const KNOWN: readonly Known[] = [
  { seed: 435, steps: 3_000, invariant: 'I1 state is the fold', why: 'an owner goes on with a clock that its log never had' },
  { seed: 464, steps: 3_000, invariant: 'V1 never back', why: 'a generation stamped under an override that is over by the clock as corrected since' },
];

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

export const KNOWN: readonly Known[] = [];

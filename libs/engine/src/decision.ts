/**
 * What a proxy does with a call: let it through, or answer it itself. Decisions are made ahead, one frozen object for
 * each thing that can be said of an upstream, so that asking costs no allocation (V5).
 */
import type { DegradedAnswer } from './policy.ts';
import type { Admission } from './outcome.ts';
import type { BreakerState } from './transition.ts';

export type Decision = Admit | Refuse;

export interface Admit {
  readonly kind: 'admit';
  /** G2, G3: what the call's outcome is stamped with. Absent: no state is known. */
  readonly admitted?: Admission;
  /** L4: what "slow" means for this upstream, ms; absent: nothing is. */
  readonly slowTimeThresholdMs?: number;
  /** V4: this proxy's own judgement that let it through. Never leaves the process (G3). Absent: the shared state decided. */
  readonly local?: Admission;
}

export interface Refuse {
  readonly kind: 'refuse';
  readonly degraded: DegradedAnswer;
  /** Wall clock (corrected, T2) at which it ends, ms; absent: it has no end. For `retry-after`. */
  readonly untilMs?: number;
}

/** What a decision was made on, for people. */
export interface Ground {
  /** `unknown`: the fleet's isn't here, and nobody judges in its place. */
  readonly state: BreakerState | 'unknown';
  /** fleet: the shared state · proxy: this proxy alone, meanwhile (V4) · own-amounts: this proxy ahead of the fleet (V7) · nobody: calls pass. */
  readonly judgedBy: 'fleet' | 'proxy' | 'own-amounts' | 'nobody';
  /** Of that state. */
  readonly generation?: number;
  /** `NAMESPACE/NAME` of the policy in force here. */
  readonly policy?: string;
}

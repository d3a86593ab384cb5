/** What the console says, as the page keeps it. */
import type { Thresholds } from '../../../src/shared/nearness.ts';

export interface WindowNow {
  readonly started_at?: string;
  readonly total: number;
  readonly errors: number;
  readonly slow: number;
}

export interface PolicyName {
  readonly name: string;
  readonly namespace: string;
  readonly version: string;
}

export interface Cause {
  readonly kind: 'outcome' | 'deadline' | 'override' | 'policy';
  readonly partition?: number;
  readonly offset?: number;
  readonly id?: string;
  readonly author?: string;
  readonly control_offset?: number;
}

export interface Transition {
  readonly upstream: string;
  readonly incarnation: number;
  readonly generation: number;
  readonly from: string;
  readonly to: string;
  readonly at: string;
  readonly reason: string;
  readonly cause: Cause;
  readonly window: WindowNow;
  readonly policy?: PolicyName;
  readonly open_until?: string;
}

export interface Breaker {
  readonly upstream: string;
  readonly state: string;
  readonly admit: number;
  readonly incarnation: number;
  readonly generation: number;
  readonly since: string;
  readonly open_until?: string;
  readonly window: WindowNow;
  readonly policy?: PolicyName;
  readonly thresholds?: Thresholds;
  readonly override?: { readonly author: string; readonly reason: string; readonly control_offset: number; readonly until?: string };
  readonly position: { readonly partition: number; readonly next_offset: number };
  readonly last_transition?: Transition;
  /** Samples of how near it was to tripping, base64, in hundredths. */
  readonly nearness?: string;
}

export interface PartitionNow {
  readonly partition: number;
  readonly age_ms: number;
  readonly incarnation?: number;
  readonly next_offset?: number;
  readonly control_offset?: number;
  readonly clock?: string;
  readonly restoring_to?: number;
  /** Offset that the next record of the log will get. */
  readonly log_next_offset?: number;
}

export interface Pulse {
  readonly now: string;
  readonly incomplete?: string;
  /** What the console lacks to be ready. */
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
  readonly proxies: number;
  readonly readers: number;
  readonly log_problem?: string;
  readonly partitions: readonly PartitionNow[];
}

export interface Hello {
  readonly instance: string;
  readonly version: string;
  readonly resumed: boolean;
  readonly may_write: boolean;
  readonly sample_ms: number;
  readonly now: string;
  readonly upstreams: number;
}

/** As `/api/v1/events` has them: upstream, total, errors, slow, start in ms. */
export type CountsTuple = readonly [string, number, number, number, number];

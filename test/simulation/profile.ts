/**
 * What one life is like, drawn from its seed: how large the fleet is, and how often what goes wrong. Each fault is left
 * out of many lives, since too many at once hide each other.
 */
import type { Chance } from '../support/chance.ts';

/** In a thousand requests; `unheard` in a thousand notifications; `partial` and `gap` in a thousand appends. */
export const RATES = ['lost', 'late', 'replyLost', 'twice', 'unheard', 'partial', 'gap'] as const;
export type Rates = Record<(typeof RATES)[number], number>;

export interface Profile {
  readonly partitions: number;
  readonly hostsEach: number;
  readonly proxies: number;
  /** Ingests of the active group, and of the standby group. */
  readonly active: number;
  readonly standby: number;
  /** The standby group leaves to the other what it may (decisions/0022). */
  readonly isStandbyIdle: boolean;
  /** Offsets between two checkpoints of a partition. */
  readonly checkpointRecords: number;
  readonly idsMax: number;
  readonly actorsMax: number;
  readonly lateAfterMs: number;
  readonly areQuietCommitsDeferred: boolean;
  readonly pulseMs: number;
  /** V3, V4. */
  readonly freshnessMs: number;
  readonly stateMaxAgeMs: number;
  readonly batchMax: number;
  /** Mean. */
  readonly latencyMs: number;
  /** Between two happenings, mean. */
  readonly gapMs: number;
  readonly rates: Rates;
}

export function profileFrom(chance: Chance): Profile {
  const rate = (most: number): number => (chance.below(2) === 0 ? 0 : chance.below(most + 1));
  return {
    partitions: 1 + chance.below(2),
    hostsEach: 1 + chance.below(3),
    proxies: 1 + chance.below(3),
    active: 1 + chance.below(3),
    standby: Math.max(0, chance.below(4) - 1),
    idsMax: chance.of([8, 16, 64]),
    actorsMax: 1 + chance.below(4),
    lateAfterMs: chance.of([3_000, 10_000, 60_000]),
    areQuietCommitsDeferred: chance.below(2) === 0,
    pulseMs: chance.of([100, 200, 400]),
    freshnessMs: chance.of([500, 1_000, 2_000]),
    stateMaxAgeMs: chance.of([2_500, 5_000]),
    batchMax: 1 + chance.below(20),
    latencyMs: chance.of([1, 5, 20, 60]),
    gapMs: chance.of([20, 60, 150]),
    rates: { lost: rate(30), late: rate(30), replyLost: rate(50), twice: rate(50), unheard: rate(500), partial: rate(100), gap: rate(100) },
    isStandbyIdle: chance.below(4) > 0,
    checkpointRecords: chance.of([20, 100]),
  };
}

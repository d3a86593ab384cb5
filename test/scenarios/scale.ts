/**
 * How large and how long a run is. What costs time is the degraded window and the load; the statistics window costs
 * none, and stays long on purpose, so that it can't end under a load on a slow machine.
 */
export interface Scale {
  readonly name: 'real' | 'fast';
  /** Calls of a load; osm-edge's is 1000. */
  readonly calls: number;
  /** Calls a second; osm-edge's is 200. */
  readonly qps: number;
  readonly connections: number;
  /** As a policy says it, and in ms. */
  readonly statTimeWindow: string;
  readonly degradedTimeWindow: string;
  readonly degradedTimeWindowMs: number;
  /** minRequestAmount; osm-edge's is 200. */
  readonly minRequestAmount: number;
  /** errorAmountThreshold and slowAmountThreshold; osm-edge's is 100. */
  readonly amountThreshold: number;
  /** How long the outcome that trips may be on its way until calls are refused, ms. */
  readonly tripWithinMs: number;
}

/** osm-edge's own. */
export const REAL: Scale = {
  name: 'real',
  calls: 1000,
  qps: 200,
  connections: 10,
  statTimeWindow: '1m',
  degradedTimeWindow: '1m',
  degradedTimeWindowMs: 60_000,
  minRequestAmount: 200,
  amountThreshold: 100,
  // An outcome may wait as long (V6).
  tripWithinMs: 100,
};

/**
 * Half of calls and thresholds, so that every share stays what it was. Not less: with 20 % slow of 100 ended calls and
 * 10 more in flight, at least 10 of the 100 are counted as slow, which is the ratio that trips.
 */
const FAST = { ...REAL, name: 'fast', calls: 500, minRequestAmount: 100, amountThreshold: 50 } as const;

/** All scenarios at once share the machine, so each goes at osm-edge's pace. */
export const FAST_PARALLEL: Scale = { ...FAST, degradedTimeWindow: '6s', degradedTimeWindowMs: 6_000 };

/** One after the other, so each goes quicker. */
export const FAST_SEQUENCE: Scale = { ...FAST, qps: 800, degradedTimeWindow: '3s', degradedTimeWindowMs: 3_000 };

/** Eight loads, five processes, Kafka and Redis share a small machine: the way is longer by what each of them waits for it. */
export function forFleet(scale: Scale): Scale {
  return { ...scale, tripWithinMs: 500 };
}

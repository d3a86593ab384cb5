/**
 * How near a window is to tripping: 1 is the threshold, whichever of the policy's conditions is nearest. So upstreams
 * with unlike policies can stand in one picture with one line in it. Used by the console and by its page.
 */

/** A policy's conditions, as the console's JSON has them; one that is off is left out. */
export interface Thresholds {
  readonly stat_time_window_ms: number;
  readonly degraded_time_window_ms: number;
  /** Calls below which no ratio trips. */
  readonly min_request_amount: number;
  readonly error_amount?: number;
  readonly error_ratio?: number;
  readonly slow_time_ms: number;
  readonly slow_amount?: number;
  readonly slow_ratio?: number;
}

export interface Counts {
  readonly total: number;
  readonly errors: number;
  readonly slow: number;
}

/** 0: nothing counted, or nothing could trip. Below `min_request_amount` ratios say nothing. */
export function nearness({ total, errors, slow }: Counts, thresholds: Thresholds | undefined): number {
  if (thresholds === undefined || total === 0) return 0;
  const { min_request_amount: least, error_amount: errorsMax, error_ratio: errorRatio, slow_amount: slowMax, slow_ratio: slowRatio } = thresholds;
  const isJudged = total >= least;
  return Math.max(
    errorsMax === undefined ? 0 : errors / errorsMax,
    slowMax === undefined ? 0 : slow / slowMax,
    errorRatio === undefined || !isJudged ? 0 : errors / total / errorRatio,
    slowRatio === undefined || !isJudged ? 0 : slow / total / slowRatio,
  );
}

/** A policy that opens at ten errors in 30 s, for 10 s; specs say what theirs has otherwise. */
import type { Policy } from '#engine';

export const POLICY: Policy = {
  identity: { name: 'p', namespace: 'n', version: 'v1' },
  upstream: 'a',
  statTimeWindowMs: 30_000,
  minRequestAmount: 100,
  errorAmountThreshold: 10,
  errorRatioThreshold: 0,
  slowTimeThresholdMs: 200,
  slowAmountThreshold: 0,
  slowRatioThreshold: 0,
  degradedTimeWindowMs: 10_000,
  degraded: { statusCode: 520, content: 'later' },
};

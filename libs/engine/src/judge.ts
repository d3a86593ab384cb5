/**
 * Judgement: does this window, under this policy, open the breaker? Asked at every outcome counted, success included.
 */
import type { Policy } from './policy.ts';
import type { Window } from './window.ts';

export type Threshold = 'errorAmountThreshold' | 'errorRatioThreshold' | 'slowAmountThreshold' | 'slowRatioThreshold';

/** The first condition that holds, or undefined. Amounts do not look at `minRequestAmount`, ratios do. */
export function tripsOn(window: Pick<Window, 'total' | 'errors' | 'slow'>, policy: Policy): Threshold | undefined {
  const { total, errors, slow } = window;
  const ratios = total >= policy.minRequestAmount;
  if (reached(errors, policy.errorAmountThreshold)) return 'errorAmountThreshold';
  if (ratios && reached(errors / total, policy.errorRatioThreshold)) return 'errorRatioThreshold';
  if (reached(slow, policy.slowAmountThreshold)) return 'slowAmountThreshold';
  if (ratios && reached(slow / total, policy.slowRatioThreshold)) return 'slowRatioThreshold';
  return undefined;
}

/** Of some of the calls already enough: whatever the others came to, an amount can't shrink. A ratio can, so none is asked. */
export function reachesAmount(window: Window, policy: Policy): boolean {
  return reached(window.errors, policy.errorAmountThreshold) || reached(window.slow, policy.slowAmountThreshold);
}

/** A threshold of 0 is off. */
function reached(measured: number, threshold: number): boolean {
  return threshold > 0 && measured >= threshold;
}

/** The trip in words, for logs and pages. */
export function tripReason(threshold: Threshold, window: Window, policy: Policy): string {
  const measured = threshold.startsWith('error') ? `${window.errors} errors` : `${window.slow} slow`;
  return `${measured} of ${window.total} calls reached ${threshold} ${policy[threshold]}`;
}

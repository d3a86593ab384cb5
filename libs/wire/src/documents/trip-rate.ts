/**
 * What a policy's thresholds mean for a given traffic, in words, for `validate`. State is shared by the whole fleet:
 * an amount that was meant for each of N sidecars is reached N times sooner here, so the traffic asked about is that
 * of all callers together (docs/semantics.md).
 */
import type { Policy } from '#engine';
import { formatDuration } from './duration.ts';

export interface TripRate {
  readonly condition: 'errorAmountThreshold' | 'errorRatioThreshold' | 'slowAmountThreshold' | 'slowRatioThreshold';
  /** Share of calls, 0 to 1, from which on this trips at this traffic; absent: it can't. */
  readonly share?: number;
  /** For people. */
  readonly text: string;
}

/** One for each threshold that is on. `callsPerSecond` > 0, all callers together. */
export function tripRates(policy: Policy, callsPerSecond: number): readonly TripRate[] {
  const traffic = { callsPerSecond, calls: (callsPerSecond * policy.statTimeWindowMs) / 1_000 };
  const errors = { ...traffic, what: 'errors', rule: 'errors' };
  const slow = { ...traffic, what: 'slow calls', rule: `slow calls (${formatDuration(policy.slowTimeThresholdMs)} or more)` };
  return [
    ...amountRate(policy, 'errorAmountThreshold', errors),
    ...ratioRate(policy, 'errorRatioThreshold', errors),
    ...amountRate(policy, 'slowAmountThreshold', slow),
    ...ratioRate(policy, 'slowRatioThreshold', slow),
  ];
}

interface Traffic {
  readonly callsPerSecond: number;
  /** In one window. */
  readonly calls: number;
  /** What is counted, in the plural; and the same with the threshold that makes it so. */
  readonly what: string;
  readonly rule: string;
}

function amountRate(policy: Policy, condition: 'errorAmountThreshold' | 'slowAmountThreshold', traffic: Traffic): readonly TripRate[] {
  const amount = policy[condition];
  if (amount === 0) return [];
  const window = formatDuration(policy.statTimeWindowMs);
  const rule = `${amount} ${traffic.rule} in ${window}`;
  const share = amount / traffic.calls;
  if (share > 1) return [{ condition, text: `${rule}: never trips, at ${rate(traffic)} a window has only ${whole(traffic.calls)} calls` }];
  return [{ condition, share, text: `${rule}: at ${rate(traffic)} trips above ${percent(share, 2)} ${traffic.what}` }];
}

function ratioRate(policy: Policy, condition: 'errorRatioThreshold' | 'slowRatioThreshold', traffic: Traffic): readonly TripRate[] {
  const share = policy[condition];
  if (share === 0) return [];
  const { minRequestAmount } = policy;
  const window = formatDuration(policy.statTimeWindowMs);
  const rule = `${percent(share)} ${traffic.rule} of at least ${minRequestAmount} calls in ${window}`;
  if (traffic.calls < minRequestAmount) {
    return [{ condition, text: `${rule}: never trips, at ${rate(traffic)} a window has only ${whole(traffic.calls)} calls` }];
  }
  const soonest = formatDuration(Math.ceil((minRequestAmount * 1_000) / traffic.callsPerSecond));
  return [{ condition, share, text: `${rule}: at ${rate(traffic)} trips from ${percent(share)} on, ${soonest} into a window at the soonest` }];
}

function rate(traffic: Traffic): string {
  return `${traffic.callsPerSecond} calls/s`;
}

function whole(calls: number): string {
  return String(Math.floor(calls));
}

/** A threshold as written, a computed share roughly. */
function percent(share: number, digits = 6): string {
  return `${Number((share * 100).toPrecision(digits))} %`;
}

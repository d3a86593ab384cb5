/** The console's JSON: the fields of the protobuf messages by their names there, times as RFC 3339, states as words. */
import type { Policy, Transition, WindowCounts } from '#engine';
import type { BreakerView } from './breaker-view.ts';
import type { Thresholds } from './shared/nearness.ts';

/** @param inForce what its conditions are, where that is known here */
export function breakerJson({ snapshot, partition }: BreakerView, inForce?: Policy): Record<string, unknown> {
  const { upstream, state, admit, incarnation, generation, sinceMs, untilMs, window, policy, override, next } = snapshot;
  return {
    upstream,
    state,
    admit,
    incarnation,
    generation,
    since: time(sinceMs),
    open_until: state === 'open' ? time(untilMs) : undefined,
    window: windowJson(window),
    policy,
    thresholds: inForce && thresholdsJson(inForce),
    override: override && { author: override.author, reason: override.reason, control_offset: override.controlOffset, until: time(untilMs) },
    position: { partition, next_offset: next },
  };
}

/** A condition that is off is left out. */
export function thresholdsJson(policy: Policy): Thresholds {
  return {
    stat_time_window_ms: policy.statTimeWindowMs,
    degraded_time_window_ms: policy.degradedTimeWindowMs,
    min_request_amount: policy.minRequestAmount,
    slow_time_ms: policy.slowTimeThresholdMs,
    ...(policy.errorAmountThreshold > 0 && { error_amount: policy.errorAmountThreshold }),
    ...(policy.errorRatioThreshold > 0 && { error_ratio: policy.errorRatioThreshold }),
    ...(policy.slowAmountThreshold > 0 && { slow_amount: policy.slowAmountThreshold }),
    ...(policy.slowRatioThreshold > 0 && { slow_ratio: policy.slowRatioThreshold }),
  };
}

export function transitionJson(transition: Transition): Record<string, unknown> {
  const { upstream, incarnation, generation, from, to, atMs, reason, cause, window, policy, openUntilMs } = transition;
  return {
    upstream,
    incarnation,
    generation,
    from,
    to,
    at: time(atMs),
    reason,
    cause: 'controlOffset' in cause ? { kind: cause.kind, author: cause.author, control_offset: cause.controlOffset } : cause,
    window: windowJson(window),
    policy,
    open_until: time(openUntilMs),
  };
}

function windowJson({ startedAtMs, total, errors, slow }: WindowCounts): Record<string, unknown> {
  return { started_at: time(startedAtMs), total, errors, slow };
}

/** Absent where there is none: JSON leaves undefined out. */
function time(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** The console's JSON: the fields of the protobuf messages by their names there, times as RFC 3339, states as words. */
import type { Policy, Result, Transition, WindowCounts } from '#engine';
import type { BreakerView } from './breaker-view.ts';
import type { ReadOutcome, Recent, Tallied } from './outcomes/recent-outcomes.ts';
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

export function recentJson({ partition, from, isWhole, bucketMs, buckets, reporters, last }: Recent): Record<string, unknown> {
  return {
    partition,
    from: from && { offset: from.offset, at: time(from.atMs) },
    whole: isWhole,
    bucket_ms: bucketMs,
    buckets: buckets.map((bucket) => ({ at: time(bucket.atMs), ...tallyJson(bucket) })),
    reporters: reporters.map((reported) => ({ reporter: reported.reporter, ...tallyJson(reported), last_at: time(reported.lastMs) })),
    last: last.map(outcomeJson),
  };
}

/** As the log has it, with what it counts as. */
export function outcomeJson({ offset, appendMs, outcome, isError, isSlow }: ReadOutcome): Record<string, unknown> {
  const { atMs, reporter, id, result, durationMs, count, target, attempt, admitted } = outcome;
  return { offset, appended_at: time(appendMs), at: time(atMs), result: resultJson(result), error: isError, slow: isSlow, duration_ms: durationMs, count, reporter, id, target, attempt, generation: admitted?.generation };
}

function resultJson(result: Result): Record<string, unknown> {
  if (result.kind === 'status') return { status: result.code };
  if (result.kind === 'grpc') return { grpc_status: result.code };
  return result.kind === 'failure' ? { failure: result.failure } : { ok: true };
}

function tallyJson({ calls, errors, slow }: Tallied): Record<string, unknown> {
  return { calls, errors, slow };
}

function windowJson({ startedAtMs, total, errors, slow }: WindowCounts): Record<string, unknown> {
  return { started_at: time(startedAtMs), total, errors, slow };
}

/** Absent where there is none: JSON leaves undefined out. */
function time(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

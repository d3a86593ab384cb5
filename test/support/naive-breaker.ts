/**
 * One upstream as the naive fold keeps it: the calls that its window counted, one by one, and sums made anew each time.
 */
import type { BreakerState, Override, Policy, Result, Snapshot, WindowCounts } from '#engine';

interface NaiveCall {
  readonly error: boolean;
  readonly slow: boolean;
  readonly count: number;
}

/** All that is known of one upstream. */
export interface NaiveBreaker {
  readonly upstream: string;
  policy: Policy | undefined;
  generation: number;
  state: BreakerState;
  sinceMs: number;
  untilMs: number | undefined;
  override: Override | undefined;
  windowStartMs: number | undefined;
  /** What the window has counted. */
  calls: NaiveCall[];
  next: number;
}

export function newBreaker(policy: Policy, clockMs: number, next: number): NaiveBreaker {
  return {
    upstream: policy.upstream,
    policy,
    generation: 1,
    state: 'closed',
    sinceMs: clockMs,
    untilMs: undefined,
    override: undefined,
    windowStartMs: undefined,
    calls: [],
    next,
  };
}

export function countsOf(breaker: NaiveBreaker): WindowCounts {
  const sum = (calls: NaiveCall[]): number => calls.reduce((total, { count }) => total + count, 0);
  return {
    ...(breaker.windowStartMs !== undefined && { startedAtMs: breaker.windowStartMs }),
    total: sum(breaker.calls),
    errors: sum(breaker.calls.filter(({ error }) => error)),
    slow: sum(breaker.calls.filter(({ slow }) => slow)),
  };
}

export function snapshotOf(breaker: NaiveBreaker, incarnation: number): Snapshot {
  return {
    upstream: breaker.upstream,
    incarnation,
    next: breaker.next,
    generation: breaker.generation,
    state: breaker.state,
    admit: breaker.state === 'closed' ? 1 : isHeldBack(breaker) ? 1 : 0,
    sinceMs: breaker.sinceMs,
    ...(breaker.untilMs !== undefined && { untilMs: breaker.untilMs }),
    ...(breaker.override && { override: breaker.override }),
    window: countsOf(breaker),
    ...(breaker.policy && { policy: breaker.policy.identity }),
  };
}

/** C4: opened by a policy that isn't enforced. */
function isHeldBack({ override, policy }: NaiveBreaker): boolean {
  return override === undefined && policy?.identity.enforced === false;
}

/** O2. */
export function isFailed(result: Result): boolean {
  if (result.kind === 'failure') return true;
  if (result.kind === 'grpc') return [2, 4, 13, 14, 15].includes(result.code);
  return result.kind === 'status' && result.code >= 500;
}

/** Does any condition hold? A threshold of 0 is off; ratios want a least amount, amounts don't. */
export function trips(policy: Policy, { total, errors, slow }: WindowCounts): boolean {
  const reaches = (value: number, threshold: number): boolean => threshold > 0 && value >= threshold;
  return (
    reaches(errors, policy.errorAmountThreshold) ||
    reaches(slow, policy.slowAmountThreshold) ||
    (total >= policy.minRequestAmount && reaches(errors / total, policy.errorRatioThreshold)) ||
    (total >= policy.minRequestAmount && reaches(slow / total, policy.slowRatioThreshold))
  );
}

export function emptyWindow(breaker: NaiveBreaker): void {
  breaker.windowStartMs = undefined;
  breaker.calls = [];
}

/**
 * What an upstream's breaker is told to do: the `circuitBreaking` part of an UpstreamTrafficSetting, complete and in
 * milliseconds. Whoever makes one (the document reader) has already put every default in, so the engine never asks
 * "is it set?"; a threshold of 0 means that the condition is off. See docs/semantics.md.
 */
export interface Policy {
  readonly identity: PolicyIdentity;
  /** The upstream it judges: host in lower case, with `:PORT` only where the document names one (L3). */
  readonly upstream: string;
  /** Length of the tumbling statistics window, ms, > 0; default 30,000. */
  readonly statTimeWindowMs: number;
  /** Calls in the window below which no *ratio* trips; >= 1; default 100. Amounts do not look at it. */
  readonly minRequestAmount: number;
  /** The N-th error in the window trips; 0 = off. */
  readonly errorAmountThreshold: number;
  /** errors / total >= this trips; 0 to 1, 0 = off. */
  readonly errorRatioThreshold: number;
  /** A call whose response head takes at least this long is slow, ms, > 0; default 5,000. */
  readonly slowTimeThresholdMs: number;
  /** The N-th slow call in the window trips; 0 = off. */
  readonly slowAmountThreshold: number;
  /** slow / total >= this trips; 0 to 1, 0 = off. */
  readonly slowRatioThreshold: number;
  /** How long a trip stays open, ms, > 0; default 30,000. */
  readonly degradedTimeWindowMs: number;
  readonly degraded: DegradedAnswer;
}

/** Which document a policy came from; `version` is its content hash, short. */
export interface PolicyIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly version: string;
  /** C4: it is judged and recorded, and refuses nothing. Absent: it is enforced. */
  readonly enforced?: false;
}

/** What a caller gets instead of the upstream's answer while the breaker is open. */
export interface DegradedAnswer {
  /** 200 to 599; default 409. */
  readonly statusCode: number;
  /** Default `Coming soon ...`. */
  readonly content: string;
}

/** C3: a policy change keeps the window only if what it measures is unchanged. */
export function measuresAlike(a: Policy, b: Policy): boolean {
  return a.statTimeWindowMs === b.statTimeWindowMs && a.slowTimeThresholdMs === b.slowTimeThresholdMs;
}

/** V7: can some of the calls alone open it? By an amount, where it refuses anything at all (C4). A threshold of 0 is off. */
export function opensByAmount({ errorAmountThreshold, slowAmountThreshold, identity }: Policy): boolean {
  return isEnforced(identity) && (errorAmountThreshold > 0 || slowAmountThreshold > 0);
}

/** C4. */
export function isEnforced({ enforced }: Pick<PolicyIdentity, 'enforced'>): boolean {
  return enforced !== false;
}

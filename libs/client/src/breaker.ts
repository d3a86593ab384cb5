/** One breaker as a console shows it to who asks once. */
import { timeOfMessage, type BreakerMessage } from '#wire';

export interface Breaker {
  readonly upstream: string;
  readonly state: 'closed' | 'open';
  /** Share of calls let through: 0 or 1. Ask this, not `state`: a policy that isn't enforced is open and admits. */
  readonly admit: number;
  readonly incarnation: number;
  readonly generation: number;
  /** ms since 1970. */
  readonly sinceMs: number;
  /** When it closes by itself; absent: it is closed, or held open without an end. */
  readonly openUntilMs?: number;
  /** What the running statistics window has counted. */
  readonly window: { readonly total: number; readonly errors: number; readonly slow: number };
  /** Absent: the policy was deleted. */
  readonly policy?: { readonly name: string; readonly namespace: string; readonly version: string };
  /** Set by hand: by whom, and why. */
  readonly override?: { readonly author: string; readonly reason: string };
}

export function breakerOf({ upstream, state, admit, incarnation, generation, since, open_until, window, policy, override }: BreakerMessage): Breaker {
  return {
    upstream,
    state: state === 'STATE_OPEN' ? 'open' : 'closed',
    admit,
    incarnation,
    generation,
    sinceMs: timeOfMessage(since),
    ...(open_until && { openUntilMs: timeOfMessage(open_until) }),
    window: { total: window.total, errors: window.errors, slow: window.slow },
    ...(policy && { policy: { name: policy.name, namespace: policy.namespace, version: policy.version } }),
    ...(override && { override: { author: override.author, reason: override.reason } }),
  };
}

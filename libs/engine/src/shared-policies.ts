/**
 * A proxy knows many upstreams and few policies: those that say the same are one here, without the names that tell them
 * apart. What is alike has the same number, so it can stand for a version.
 */
import type { TrafficSetting } from './control.ts';
import type { PolicedSetting } from './local-breakers.ts';
import { isEnforced, type Policy } from './policy.ts';

/** `upstream` and the names in `identity` are empty. */
export type SharedPolicy = Policy;

const NO_LIMITS: TrafficSetting['limits'] = Object.freeze({
  maxConnections: Infinity,
  connectTimeoutMs: Infinity,
  maxRequests: Infinity,
  maxRequestsPerConnection: Infinity,
  maxPendingRequests: Infinity,
  maxRetries: Infinity,
});

export class SharedPolicies {
  readonly #byContent = new Map<string, SharedPolicy>();
  readonly #before: ReadonlyMap<string, SharedPolicy> = new Map();
  #made = 0;
  /** Those that are alike mostly come together. */
  #last: SharedPolicy | undefined;

  /** @param before those that may be asked for again; the others are forgotten with it */
  constructor(before?: SharedPolicies) {
    if (before === undefined) return;
    this.#before = before.#byContent;
    this.#made = before.#made;
  }

  of(policy: Policy): SharedPolicy {
    if (this.#last !== undefined && isAlike(this.#last, policy)) return this.#last;
    const content = contentOf(policy);
    const shared = this.#byContent.get(content) ?? this.#before.get(content) ?? this.#make(policy);
    this.#byContent.set(content, shared);
    return (this.#last = shared);
  }

  #make({ identity, ...rules }: Policy): SharedPolicy {
    const version = `${++this.#made}`;
    return Object.freeze({ ...rules, upstream: '', identity: { name: '', namespace: '', version, ...(isEnforced(identity) ? {} : { enforced: false as const }) } });
  }
}

/** The document that a policy could be of, for who judges by it here. */
export function settingOf(policy: SharedPolicy, { upstream, name, namespace }: { readonly upstream: string; readonly name: string; readonly namespace: string }): PolicedSetting {
  // The same name with the same version is the same document: a version says whom it is for.
  const version = `${policy.identity.version} ${upstream}`;
  const breaker = { ...policy, upstream, identity: { ...policy.identity, name, namespace, version } };
  return { kind: 'UpstreamTrafficSetting', namespace, name, version, body: undefined, upstream, limits: NO_LIMITS, breaker };
}

/** All of them, or two policies would be taken for one. */
const RULES = Object.keys({
  statTimeWindowMs: 0,
  minRequestAmount: 0,
  errorAmountThreshold: 0,
  errorRatioThreshold: 0,
  slowTimeThresholdMs: 0,
  slowAmountThreshold: 0,
  slowRatioThreshold: 0,
  degradedTimeWindowMs: 0,
} satisfies Record<Rule, 0>) as readonly Rule[];
type Rule = Exclude<keyof Policy, 'identity' | 'upstream' | 'degraded'>;

function isAlike(a: Policy, b: Policy): boolean {
  const isAnswer = a.degraded === b.degraded || (a.degraded.statusCode === b.degraded.statusCode && a.degraded.content === b.degraded.content);
  if (!isAnswer || isEnforced(a.identity) !== isEnforced(b.identity)) return false;
  for (const rule of RULES) if (a[rule] !== b[rule]) return false;
  return true;
}

function contentOf({ identity, degraded, ...policy }: Policy): string {
  return `${RULES.map((rule) => policy[rule]).join(' ')} ${isEnforced(identity)} ${degraded.statusCode} ${degraded.content}`;
}

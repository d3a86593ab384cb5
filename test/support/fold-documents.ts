/** Documents for made-up histories: few hosts, small windows, low thresholds, so that things happen often. */
import type { DocumentKey, Policy, TrafficSetting, UpstreamDocument } from '#engine';
import type { Digits } from './fold-cases.ts';

/** Their order differs between code units and languages. */
export const HOSTS = ['a:80', 'a.b', 'a-b.x'] as const;
/** Another partition's. */
export const FOREIGN = 'foreign.x';

const LIMITS = {
  maxConnections: Infinity,
  connectTimeoutMs: 5_000,
  maxRequests: Infinity,
  maxRequestsPerConnection: Infinity,
  maxPendingRequests: Infinity,
  maxRetries: Infinity,
};

export function documentKeyAt(n: number): DocumentKey {
  return { kind: 'UpstreamTrafficSetting', namespace: n === 2 ? 'other' : 'default', name: `doc-${Math.min(n, 1)}` };
}

/** Document `n` for host `host` (3: the foreign one), its policy from the digits. */
export function settingFrom(digits: Digits, n: number, host: number): TrafficSetting {
  const upstream = HOSTS[host] ?? FOREIGN;
  const key = documentKeyAt(n);
  const measured = {
    upstream,
    errorAmountThreshold: digits.of([2, 0, 3, 5]),
    degradedTimeWindowMs: digits.of([1_000, 6_001, 20_000]),
    statTimeWindowMs: digits.of([10_000, 1_000]),
    slowTimeThresholdMs: digits.of([200, 100]),
    errorRatioThreshold: digits.of([0, 0.5, 0.3]),
    slowAmountThreshold: digits.of([0, 3]),
    slowRatioThreshold: digits.of([0, 0.6]),
    minRequestAmount: digits.of([4, 1]),
    degraded: { statusCode: digits.of([409, 520]), content: '' },
  };
  const limitsOnly = digits.below(16) === 15;
  const unenforced = digits.below(4) === 3 ? { enforced: false as const } : {};
  const version = limitsOnly ? `limits ${upstream}` : JSON.stringify(Object.values({ ...measured, ...unenforced }));
  const identity = { name: key.name, namespace: key.namespace, version, ...unenforced };
  const breaker: Policy = { identity, ...measured };
  return { ...key, kind: 'UpstreamTrafficSetting', version, body: {}, upstream, limits: LIMITS, ...(!limitsOnly && { breaker }) };
}

/** Says where a host is; no breaker looks at it, though its names are those of the settings. */
export function upstreamDocumentFrom(n: number): UpstreamDocument {
  const { namespace, name } = documentKeyAt(n);
  return { kind: 'Upstream', namespace, name, version: `${n}`, body: {}, host: HOSTS[n] ?? FOREIGN, port: 80, protocol: 'http' };
}

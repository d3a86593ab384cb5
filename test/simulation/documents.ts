/** Documents for simulated lives: few hosts, small windows, low thresholds, so that things happen often. */
import type { ConnectionLimits, ControlChange, TrafficSetting } from '#engine';
import type { Chance } from '../support/chance.ts';

const LIMITS: ConnectionLimits = { maxConnections: Infinity, connectTimeoutMs: 5_000, maxRequests: Infinity, maxRequestsPerConnection: Infinity, maxPendingRequests: Infinity, maxRetries: Infinity };

/** L2, of the simulated fleet: `p1-0.local` belongs to partition 1. */
export function partitionOf(upstream: string): number {
  return Number(upstream[1]);
}

export function hostsOf({ partitions, hostsEach }: { partitions: number; hostsEach: number }): string[] {
  return Array.from({ length: partitions * hostsEach }, (_, n) => `p${n % partitions}-${Math.floor(n / partitions)}.local`);
}

export function settingOf(document: number, upstream: string, chance: Chance): TrafficSetting {
  const measured = {
    upstream,
    errorAmountThreshold: chance.of([1, 2, 3, 5, 0]),
    degradedTimeWindowMs: chance.of([300, 1_000, 4_000, 12_000]),
    statTimeWindowMs: chance.of([1_000, 5_000, 20_000]),
    slowTimeThresholdMs: chance.of([100, 300]),
    errorRatioThreshold: chance.of([0, 0.5]),
    slowAmountThreshold: chance.of([0, 3]),
    slowRatioThreshold: chance.of([0, 0.6]),
    minRequestAmount: chance.of([1, 4]),
    degraded: { statusCode: 409, content: '' },
  };
  const key = { kind: 'UpstreamTrafficSetting', namespace: 'default', name: `document-${document}` } as const;
  const unenforced = chance.below(5) === 0 ? { enforced: false as const } : {};
  const version = JSON.stringify(Object.values({ ...measured, ...unenforced }));
  const breaker = { identity: { name: key.name, namespace: key.namespace, version, ...unenforced }, ...measured };
  return { ...key, version, body: {}, upstream, limits: LIMITS, breaker };
}

/** Something that an operator does; what is `applied` is applied again now and then, as it is. */
export function changeFrom(chance: Chance, hosts: readonly string[], applied: readonly TrafficSetting[]): ControlChange {
  const upstream = chance.of(hosts);
  const document = chance.below(hosts.length);
  switch (chance.below(8)) {
    case 0:
    case 1:
      // Of another host now and then: the policy moves, or is refused (C1, C3).
      return { kind: 'apply', document: settingOf(document, chance.below(4) === 0 ? upstream : (hosts[document] as string), chance), ...chance.of([{}, {}, {}, { replaces: '' }, { replaces: chance.of(applied).version }]) };
    case 2:
      return { kind: 'apply', document: chance.of(applied) };
    case 3:
      return { kind: 'delete', document: { kind: 'UpstreamTrafficSetting', namespace: 'default', name: `document-${document}` } };
    case 4:
    case 5:
      return { kind: 'force', upstream, to: chance.of(['open', 'closed']), durationMs: chance.of([200, 2_000, 10_000]) };
    case 6:
      return { kind: 'force', upstream, to: chance.of(['open', 'closed']) };
    default:
      return { kind: 'clear', upstream };
  }
}

/** The upstreams of a row, and their documents. */
import { partitionOf } from '#wire';

export const PARTITIONS = 4;
/** Of the upstreams that trip. */
export const TRIP_ERRORS = 5;
/** Calls and outcomes of this long are slow. */
export const SLOW_MS = 100;
/** Never reached, so that a window holds all that a row sends. */
const NEVER = 100_000_000;
const STEADY_EACH = 2;

/** Two of each partition: they count, and never trip. */
export const STEADY: readonly string[] = names('steady', STEADY_EACH);
/** One of each partition: it trips, and closes by itself. */
export const TRIPPING: readonly string[] = names('tripping', 1);
/** Served by the proxies; never trips. */
export const CALLED = 'called.faults.test';
/** Served by the proxies; trips at {@link TRIP_ERRORS}, for {@link LEASE_SECONDS}. */
export const LEASED = 'leased.faults.test';
export const LEASE_SECONDS = 8;

/** @param targets where {@link CALLED} and {@link LEASED} listen */
export function documentsOf(targets: { readonly called: string; readonly leased: string }): string {
  return [
    ...STEADY.map((host) => policy(host, { errors: NEVER, degraded: '1h' })),
    ...TRIPPING.map((host) => policy(host, { errors: TRIP_ERRORS, degraded: '1s' })),
    upstream(CALLED, targets.called),
    policy(CALLED, { errors: NEVER, degraded: '1h' }),
    upstream(LEASED, targets.leased),
    policy(LEASED, { errors: TRIP_ERRORS, degraded: `${LEASE_SECONDS}s` }),
  ].join('---\n');
}

function names(kind: string, each: number): string[] {
  const found = Array.from({ length: PARTITIONS }, (): string[] => []);
  for (let i = 0; found.some((of) => of.length < each); i++) {
    const name = `${kind}-${i}.faults.test`;
    const of = found[partitionOf(name, PARTITIONS)] as string[];
    if (of.length < each) of.push(name);
  }
  return found.flat();
}

const nameOf = (host: string): string => host.split('.')[0] as string;

function upstream(host: string, target: string): string {
  return `apiVersion: fuseboard.dev/v1
kind: Upstream
metadata: { name: ${nameOf(host)}, namespace: faults }
spec: { host: ${host}, targets: ["${target}"] }
`;
}

function policy(host: string, { errors, degraded }: { readonly errors: number; readonly degraded: string }): string {
  return `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: ${nameOf(host)}, namespace: faults }
spec:
  host: ${host}
  connectionSettings:
    http:
      circuitBreaking:
        statTimeWindow: 24h
        errorAmountThreshold: ${errors}
        slowTimeThreshold: ${SLOW_MS}ms
        slowAmountThreshold: ${NEVER}
        degradedTimeWindow: ${degraded}
        degradedStatusCode: 520
`;
}

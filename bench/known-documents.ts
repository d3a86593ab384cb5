/** Policies of so many upstreams, as an operator writes them: each a host and what its breaker goes by. */
export const knownHost = (n: number): string => `u${n}.known.bench.local`;

export function policyBody(n: number): unknown {
  return {
    apiVersion: 'policy.openservicemesh.io/v1alpha1',
    kind: 'UpstreamTrafficSetting',
    metadata: { name: `p${n}`, namespace: 'bench' },
    spec: {
      host: knownHost(n),
      connectionSettings: { http: { circuitBreaking: { statTimeWindow: '1m', errorAmountThreshold: 1_000_000, slowTimeThreshold: '200ms', degradedTimeWindow: '30s' } } },
    },
  };
}

export function upstreamBody(n: number): unknown {
  return { apiVersion: 'fuseboard.dev/v1', kind: 'Upstream', metadata: { name: `u${n}`, namespace: 'bench' }, spec: { host: knownHost(n), targets: ['127.0.0.1:9'] } };
}

/** The proxy's own settings, in the shape that its data plane takes them in. */
import { formatAddress, type Address } from './address.ts';
import { tlsFiles, tlsProblems, type TlsFiles } from './listener-tls.ts';
import { SETTINGS, type Values } from './settings.ts';

export interface ProxyConfig {
  /** Processes that share the listeners, from 1. */
  readonly workers: number;
  /** Ready when the fleet's documents and states are there and fresh, or as soon as there are routes to serve. */
  readonly ready: 'fleet' | 'serving';
  /** Absent: cleartext. */
  readonly tls: TlsFiles | undefined;
  /** `ADDRESS/BITS` each. */
  readonly trustedNetworks: readonly string[];
  /** For calls in flight to end when the process stops, ms. */
  readonly drainMs: number;
  /** #http-proxy's Timeouts, those that are settings. */
  readonly timeouts: {
    readonly responseHeadMs: number;
    readonly idleMs: number;
    readonly clientHeadMs: number;
    readonly clientBodyMs: number;
    readonly clientKeepAliveMs: number;
    readonly upstreamKeepAliveMs: number;
  };
  /** #http-proxy's Bounds, those that are settings; for each worker. */
  readonly bounds: {
    readonly clientConnectionsMax: number;
    readonly connectionsPerClientMax: number;
    readonly requestsPerConnectionMax: number;
    readonly requestHeadBytesMax: number;
    readonly requestHeadersMax: number;
    readonly targetBytesMax: number;
    readonly streamsMax: number;
  };
}

const TLS = { cert: 'proxyTlsCert', key: 'proxyTlsKey', ca: 'proxyTlsCa' } as const;

/** Only where nothing is wrong with the values. */
export function proxyConfig(values: Values): ProxyConfig {
  return Object.freeze({
    workers: must(values.proxyWorkers),
    ready: must(values.proxyReady),
    tls: tlsFiles(TLS, values),
    trustedNetworks: Object.freeze(values.proxyTrustedNetworks ?? []),
    drainMs: must(values.proxyDrainTimeout),
    timeouts: Object.freeze({
      responseHeadMs: must(values.proxyResponseTimeout),
      idleMs: must(values.proxyIdleTimeout),
      clientHeadMs: must(values.proxyClientHeadTimeout),
      clientBodyMs: must(values.proxyClientBodyTimeout),
      clientKeepAliveMs: must(values.proxyKeepAlive),
      upstreamKeepAliveMs: must(values.proxyUpstreamKeepAlive),
    }),
    bounds: Object.freeze({
      clientConnectionsMax: must(values.proxyMaxConnections),
      connectionsPerClientMax: must(values.proxyMaxConnectionsPerClient),
      requestsPerConnectionMax: must(values.proxyMaxRequestsPerConnection),
      requestHeadBytesMax: must(values.proxyMaxHeaderBytes),
      requestHeadersMax: must(values.proxyMaxHeaders),
      targetBytesMax: must(values.proxyMaxUrlBytes),
      streamsMax: must(values.proxyMaxStreams),
    }),
  });
}

/** What is wrong with a combination of them; each value by itself is fine or undefined. */
export function proxyProblems(values: Values, isOneProcess: boolean): string[] {
  const problems = tlsProblems(TLS, values);
  const { proxyWorkers: workers = 1 } = values;
  if (isOneProcess && workers !== 1) {
    problems.push(
      `${SETTINGS.proxyWorkers.variable}: found ${workers} workers, but \`npm start\` is one process; allowed: 1. ` +
        'More workers are for the fleet\'s `npm run start:proxy`',
    );
  }
  return problems;
}

/** Where callers reach the proxy, for people. */
export function proxyUrl({ proxy }: { readonly proxy: ProxyConfig }, address: Address): string {
  return `${proxy.tls === undefined ? 'http' : 'https'}://${formatAddress(address)}`;
}

/** Everything with a default is there once nothing is wrong. */
export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a setting with a default has no value');
  return value;
}

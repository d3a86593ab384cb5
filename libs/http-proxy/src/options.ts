import type { CallOutcome, Decision, ServedCall } from './route.ts';
import type { CallTracer } from './trace.ts';

/** Time-outs of a call and of its client's connection, ms. */
export interface Timeouts {
  /** From the request sent in full to the response head; default 15,000. Over it: 504 `response-timeout`. */
  readonly responseHeadMs: number;
  /**
   * Without a byte between two chunks, the other side owing one; default 30,000. Upstream: 504 `idle-timeout` before
   * the head, else the answer is broken off. Client: 408 before the head, else its connection is closed.
   */
  readonly idleMs: number;
  /** For a client to send a request head; default 10,000. */
  readonly clientHeadMs: number;
  /** Without a byte of a request body that a client owes; default 30,000. Over it: 408. */
  readonly clientBodyMs: number;
  /** A client's connection without a request; default 60,000. */
  readonly clientKeepAliveMs: number;
  /** An idle connection to an upstream that doesn't say how long it keeps one; default 4,000, below what servers use. */
  readonly upstreamKeepAliveMs: number;
  /** For an upstream to close its side of a connection once we closed ours, then it is reset; default 1,000. */
  readonly closeMs: number;
}

/** Sizes and counts; every one refuses or closes when it is reached. */
export interface Bounds {
  /** Request line and headers, bytes; default 16,384. Over it: 431. */
  readonly requestHeadBytesMax: number;
  /** Of the request target, bytes; default 8,192. Over it: 414. */
  readonly targetBytesMax: number;
  /** Headers of a request; default 100. Over it: 431. */
  readonly requestHeadersMax: number;
  /** Response status line and headers, bytes; default 65,536. Over it: 502 `bad-response`. */
  readonly responseHeadBytesMax: number;
  /** Client connections on all listeners; default 50,000. More are closed at once. */
  readonly clientConnectionsMax: number;
  /** Client connections from one address; default 25,000, so that none can take every place. More are closed at once. */
  readonly connectionsPerClientMax: number;
  /** Requests on one client connection; default 10,000, then it is closed in order. */
  readonly requestsPerConnectionMax: number;
  /** HTTP/2 streams open at once on one client connection; default 100. */
  readonly streamsMax: number;
  /** Body of a refused request that is read and thrown away to keep the connection, bytes; default 65,536. */
  readonly drainBytesMax: number;
}

/** A certificate for the listeners, PEM. */
export interface ListenerTls {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Clients must show a certificate that these signed; absent: they need none. */
  readonly ca?: string | Buffer;
}

export interface HttpProxyOptions {
  /** Asked once for each call whose route has an upstream. Must not throw, wait or allocate. */
  readonly decide: (upstream: string) => Decision;
  /** Told once for each call that reached out (O1). Must not throw or wait. */
  readonly report: (outcome: CallOutcome) => void;
  /** Told once for each call when it is over. Must not throw or wait. */
  readonly onCall?: (call: ServedCall) => void;
  /** Told of each HTTP call on its way; absent: nobody is, and trace headers pass as they came. */
  readonly tracer?: CallTracer;
  /** Wall clock, ms since 1970, the one that `untilMs` is on; default Date.now. */
  readonly now?: () => number;
  /** Monotonic clock, ms; default performance.now. */
  readonly monotonicNow?: () => number;
  readonly timeouts?: Partial<Timeouts>;
  readonly bounds?: Partial<Bounds>;
  /** Peers whose `X-Forwarded-*` are believed and added to, `ADDRESS/BITS` each; default none: they are overwritten. */
  readonly trustedNetworks?: readonly string[];
  /** Absent: cleartext. For the main listener and those of HTTP routes. */
  readonly tls?: ListenerTls;
}

export const DEFAULT_TIMEOUTS: Timeouts = {
  responseHeadMs: 15_000,
  idleMs: 30_000,
  clientHeadMs: 10_000,
  clientBodyMs: 30_000,
  clientKeepAliveMs: 60_000,
  upstreamKeepAliveMs: 4_000,
  closeMs: 1_000,
};

export const DEFAULT_BOUNDS: Bounds = {
  requestHeadBytesMax: 16_384,
  targetBytesMax: 8_192,
  requestHeadersMax: 100,
  responseHeadBytesMax: 65_536,
  clientConnectionsMax: 50_000,
  connectionsPerClientMax: 25_000,
  requestsPerConnectionMax: 10_000,
  streamsMax: 100,
  drainBytesMax: 65_536,
};

/** The options with every default in. */
export interface Settings {
  readonly decide: (upstream: string) => Decision;
  readonly report: (outcome: CallOutcome) => void;
  readonly onCall: (call: ServedCall) => void;
  readonly tracer: CallTracer | undefined;
  readonly now: () => number;
  readonly monotonicNow: () => number;
  readonly timeouts: Timeouts;
  readonly bounds: Bounds;
  readonly trustedNetworks: readonly string[];
  readonly tls: ListenerTls | undefined;
}

export function completeOptions(options: HttpProxyOptions): Settings {
  return {
    decide: options.decide,
    report: options.report,
    onCall: options.onCall ?? (() => undefined),
    tracer: options.tracer,
    now: options.now ?? Date.now,
    monotonicNow: options.monotonicNow ?? (() => performance.now()),
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
    bounds: { ...DEFAULT_BOUNDS, ...options.bounds },
    trustedNetworks: options.trustedNetworks ?? [],
    tls: options.tls,
  };
}

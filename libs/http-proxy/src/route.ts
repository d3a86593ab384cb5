/**
 * What the proxy is told: where calls may go, what a breaker says of them, and what it tells back. All of it is data
 * or functions handed in, so that the data plane knows nothing of logs, stores or policies.
 */

/** Per route and per proxy process. `Infinity` = no limit; 0 = none allowed. */
export interface Limits {
  /** TCP connections to the upstream, all targets together, those being opened and being closed included. */
  readonly maxConnections: number;
  /** To establish a connection, name look-up included, ms, > 0; the documents' default is 5,000. */
  readonly connectTimeoutMs: number;
  /** Requests in flight: those on a connection or on one that is being opened for them. */
  readonly maxRequests: number;
  /** Requests served on one connection before it is closed and replaced, >= 1. */
  readonly maxRequestsPerConnection: number;
  /** Requests that wait for a connection to become free. */
  readonly maxPendingRequests: number;
  /** Retries in flight. */
  readonly maxRetries: number;
}

export const NO_LIMITS: Limits = {
  maxConnections: Infinity,
  connectTimeoutMs: 5_000,
  maxRequests: Infinity,
  maxRequestsPerConnection: Infinity,
  maxPendingRequests: Infinity,
  maxRetries: Infinity,
};

/**
 * What is spoken with the upstream, and so what callers speak: `http` is HTTP/1.1, `h2c` and `grpc` are HTTP/2 by prior
 * knowledge (over TLS where the route or the listener has it), `tcp` is bytes, on a listener of its own.
 */
export type Protocol = 'http' | 'h2c' | 'grpc' | 'tcp';

/** A token bucket: it holds `amount + burst` at most, begins full, and fills evenly by `amount` each `periodMs`. */
export interface RateLimit {
  /** >= 0; 0 lets nothing through but the burst. */
  readonly amount: number;
  readonly periodMs: number;
  /** >= 0. */
  readonly burst: number;
}

export interface HttpRateLimit extends RateLimit {
  /** 400 to 599; the documents' default is 429. */
  readonly statusCode: number;
  /** Name, value, name, value … added to that answer. */
  readonly headers: readonly string[];
}

/** Per route and per proxy process. */
export interface RateLimits {
  /** On connections accepted by the route's own listener; over it they are closed at once. */
  readonly tcp?: RateLimit;
  /** On requests. */
  readonly http?: HttpRateLimit;
  /** The first whose path matches counts a request beside `http`; RE2, matched against the whole path without its query. */
  readonly paths: readonly { readonly path: string; readonly http: HttpRateLimit }[];
}

/** When a call that failed is tried again; absent: never. */
export interface Retries {
  /** After the first try, 1 to 10. */
  readonly attempts: number;
  /** Failures (`x-fuseboard-error`'s words) and statuses (500 to 599) after which it is. */
  readonly on: readonly (UpstreamError | number)[];
}

/** TLS towards the upstream. Paths of PEM files as this process sees them. */
export interface UpstreamTls {
  /** Who is trusted; absent: the certificate authorities that Node knows. */
  readonly ca?: string;
  /** Our own certificate and its key, both or none. */
  readonly cert?: string;
  readonly key?: string;
  /** Sent as SNI and checked against the certificate; absent: the target's host name, else the route's host. */
  readonly serverName?: string;
}

/**
 * One upstream as the proxy serves it. It may work its fields out when they are asked for: they are kept, as they are then,
 * from its first call on.
 */
export interface Route {
  /** Identity: a route of the same name replaces the one before, and keeps its connections. Also named in problems. */
  readonly name: string;
  /** The breaker to ask and to report to. Absent: none is known, calls pass and are not reported. */
  readonly upstream?: string | undefined;
  /** What callers call it; letter case and a trailing dot don't matter. */
  readonly host: string;
  /** A short name for it; means this route where no other has it. */
  readonly alias?: string | undefined;
  /** The port that callers name, and the one to dial where a target names none; 1 to 65,535. */
  readonly port: number;
  /** Where it is, `HOST:PORT` each, used in turn. Empty: `host:port` by DNS. */
  readonly targets: readonly string[];
  /** `HOST:PORT` of a listener of its own, where every call is for this route whatever its Host says. */
  readonly listen?: string | undefined;
  /** Absent: `http`. */
  readonly protocol?: Protocol | undefined;
  readonly limits: Limits;
  readonly rateLimits?: RateLimits | undefined;
  readonly retries?: Retries | undefined;
  /** Where they differ from the proxy's own (options.ts). */
  readonly timeouts?: { readonly responseHeadMs?: number; readonly idleMs?: number } | undefined;
  readonly tls?: UpstreamTls | undefined;
}

/** Why a route, or a part of it, isn't served; the others are. */
export interface RouteProblem {
  readonly route: string;
  readonly field: 'name' | 'host' | 'targets' | 'listen' | 'tls' | 'rateLimits';
  /** A sentence for the person who wrote the document. */
  readonly message: string;
}

/** Structurally the engine's Decision: asked once for each call, never thrown, without allocation (V5). */
export type Decision = AdmitDecision | RefuseDecision;

export interface AdmitDecision {
  readonly kind: 'admit';
  /** Handed back with the outcome (G2). */
  readonly admitted?: { readonly incarnation: number; readonly generation: number };
  /** ms; handed back with the outcome (L4). */
  readonly slowTimeThresholdMs?: number;
}

export interface RefuseDecision {
  readonly kind: 'refuse';
  readonly degraded: { readonly statusCode: number; readonly content: string };
  /** Wall clock at which it ends, ms since 1970; absent: it has no end. */
  readonly untilMs?: number;
}

/** Why no answer came, in the words of `x-fuseboard-error`; a closed list. */
export const UPSTREAM_ERRORS = [
  'refused',
  'reset',
  'dns',
  'connect-timeout',
  'response-timeout',
  'idle-timeout',
  'tls',
  'bad-response',
] as const;
export type UpstreamError = (typeof UPSTREAM_ERRORS)[number];

/** The same in the words of an outcome. */
export type Failure = 'refused' | 'reset' | 'timeout' | 'dns' | 'tls' | 'bad-response';

/** An outcome in the sense of O1: told once for each call that reached out, at the response head or the failure. */
export interface CallOutcome {
  readonly upstream: string;
  readonly route: string;
  /** The very decision that let the call through. */
  readonly decision: AdmitDecision;
  readonly result:
    | { readonly kind: 'status'; readonly code: number }
    | { readonly kind: 'grpc'; readonly code: number }
    | { readonly kind: 'failure'; readonly failure: Failure }
    /** TCP: its first byte came. */
    | { readonly kind: 'ok' };
  /**
   * To the response head, ms, by a monotonic clock, from the moment it reached out (a connection was there or was
   * begun for it). Neither the wait behind our own limits counts nor the time in which the client owed us its body.
   */
  readonly durationMs: number;
  /** `HOST:PORT` it went to. */
  readonly target: string;
  /** Which try it was, from 1. */
  readonly attempt: number;
}

/** How a call ended, from the caller's side; a closed list, one for each call, for metrics. */
export const ANSWERS = [
  'upstream',
  'degraded',
  'overflow-connections',
  'overflow-pending',
  'overflow-requests',
  'overflow-retries',
  'rate-limited',
  'not-found',
  'bad-request',
  'client-abort',
  ...UPSTREAM_ERRORS,
] as const;
export type Answer = (typeof ANSWERS)[number];

export type Overflow = 'overflow-connections' | 'overflow-pending' | 'overflow-requests' | 'overflow-retries';

/** A call that is over. An upstream error with a status below 500 broke after the head was passed on (O1). */
export interface ServedCall {
  readonly answer: Answer;
  /** Sent to the caller; 0 = nothing was. */
  readonly statusCode: number;
  /** Absent: no route was found. */
  readonly route?: string;
  readonly upstream?: string;
}

/** Gauges of a route that was called. */
export interface RouteStats {
  readonly route: string;
  readonly upstream?: string;
  /** Sockets to the upstream that count against maxConnections: opening, in use, idle or closing. */
  readonly connections: number;
  readonly inFlight: number;
  readonly pending: number;
}

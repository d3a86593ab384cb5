/**
 * The data plane as a library: an HTTP/1.1 proxy that asks a function before each call and tells a function after it.
 * It knows nothing of logs, stores or policies.
 */
export { createHttpProxy, type HttpProxy, type ProxyStats } from './proxy.ts';
export { ListenError } from './listening.ts';
export type { Bounds, HttpProxyOptions, ListenerTls, Timeouts } from './options.ts';
export type { CallTrace, CallTracer, TraceHeaders, TracedRequest } from './trace.ts';
export {
  NO_LIMITS,
  UPSTREAM_ERRORS,
  type AdmitDecision,
  type Answer,
  type CallOutcome,
  type Decision,
  type Failure,
  type HttpRateLimit,
  type Limits,
  type Protocol,
  type RateLimit,
  type RateLimits,
  type RefuseDecision,
  type Retries,
  type Route,
  type RouteProblem,
  type RouteStats,
  type ServedCall,
  type UpstreamError,
  type UpstreamTls,
} from './route.ts';

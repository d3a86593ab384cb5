/**
 * The data plane as a library: an HTTP/1.1 proxy that asks a function before each call and tells a function after it.
 * It knows nothing of logs, stores or policies.
 */
export { createHttpProxy, type HttpProxy, type ProxyStats } from './proxy.ts';
export { ListenError } from './listener.ts';
export type { Bounds, HttpProxyOptions, Timeouts } from './options.ts';
export {
  NO_LIMITS,
  type AdmitDecision,
  type Answer,
  type CallOutcome,
  type Decision,
  type Failure,
  type Limits,
  type RefuseDecision,
  type Route,
  type RouteProblem,
  type RouteStats,
  type ServedCall,
  type UpstreamError,
} from './route.ts';

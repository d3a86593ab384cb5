/** What spans say. Of a path its query is left out: secrets stand there. */
import type { Attributes } from '@opentelemetry/api';
import type { Decision } from '#engine';
import type { CallOutcome, TracedRequest } from '#http-proxy';
import type { GroundOf } from '../open-tracing.ts';

/** Any other is named `_OTHER`, so that nobody can make names without end. */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE', 'QUERY']);
/** By number, in gRPC's words. */
const GRPC_CODES = [
  'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED',
] as const;
const DEFAULT_PORTS = { http: 80, https: 443 } as const;
const PLACE = /^(?:\[(?<v6>[^\]]*)\]|(?<host>[^:]*))(?::(?<port>[0-9]+))?$/;

export function spanName({ method }: TracedRequest): string {
  return METHODS.has(method) ? method : 'HTTP';
}

export function requestAttributes(request: TracedRequest): Attributes {
  const { target, authority, scheme, version } = request;
  const place = authority === undefined ? undefined : placeOf(authority);
  return {
    ...methodOf(request),
    'url.scheme': scheme,
    'url.path': pathOf(target),
    'network.protocol.version': version,
    ...(place === undefined ? {} : { 'server.address': place.host, 'server.port': place.port ?? DEFAULT_PORTS[scheme] }),
  };
}

export function decisionAttributes(upstream: string | undefined, decision: Decision, groundOf: GroundOf): Attributes {
  const said = { 'fuseboard.decision': decision.kind === 'admit' ? 'allowed' : 'refused' };
  if (upstream === undefined) return said;
  const { state, judgedBy, generation, policy } = groundOf(upstream, decision);
  return {
    ...said,
    'fuseboard.upstream': upstream,
    'fuseboard.state': state,
    'fuseboard.judged_by': judgedBy,
    ...(generation === undefined ? {} : { 'fuseboard.generation': generation }),
    ...(policy === undefined ? {} : { 'fuseboard.policy': policy }),
  };
}

/** @param resends tries before this one. */
export function hopAttributes(request: TracedRequest, target: string, resends: number): Attributes {
  const place = placeOf(target);
  return {
    ...methodOf(request),
    'url.path': pathOf(request.target),
    ...(place === undefined ? {} : { 'server.address': place.host, ...(place.port === undefined ? {} : { 'server.port': place.port }) }),
    ...(resends === 0 ? {} : { 'http.request.resend_count': resends }),
  };
}

/** An answer of 400 and more is an error to who asked, whoever's fault it is. */
export function hopResult(result: CallOutcome['result']): { readonly attributes: Attributes; readonly errorType?: string } {
  switch (result.kind) {
    case 'status':
      return { attributes: { 'http.response.status_code': result.code }, ...(result.code >= 400 ? { errorType: String(result.code) } : {}) };
    case 'grpc': {
      const name = GRPC_CODES[result.code] ?? String(result.code);
      return { attributes: { 'http.response.status_code': 200, 'rpc.response.status_code': name }, ...(result.code === 0 ? {} : { errorType: name }) };
    }
    case 'failure':
      return { attributes: {}, errorType: result.failure };
    case 'ok':
      return { attributes: {} };
  }
}

function methodOf({ method }: TracedRequest): Attributes {
  return METHODS.has(method) ? { 'http.request.method': method } : { 'http.request.method': '_OTHER', 'http.request.method_original': method };
}

function pathOf(target: string): string {
  const at = target.indexOf('?');
  return at === -1 ? target : target.slice(0, at);
}

function placeOf(text: string): { readonly host: string; readonly port: number | undefined } | undefined {
  const { v6, host = v6, port } = PLACE.exec(text)?.groups ?? {};
  return host === undefined || host === '' ? undefined : { host, port: port === undefined ? undefined : Number(port) };
}

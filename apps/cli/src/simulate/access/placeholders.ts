/** What nginx's variables and Envoy's commands tell of a call. */
import { Failure } from '../../failure.ts';
import type { Field } from './fields.ts';

/** `$name`, `${name}`, `%NAME%`, `%NAME(ARGUMENT)%`, `%NAME(ARGUMENT):LENGTH%`. */
export const PLACEHOLDER = /\$(?:\{([a-z][a-z0-9_]*)\}|([a-z][a-z0-9_]*))|%([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::\d+)?%/g;

const NGINX: Readonly<Record<string, Field>> = {
  time_local: 'endClf',
  time_iso8601: 'endIso',
  msec: 'endS',
  status: 'status',
  upstream_status: 'upstreamStatus',
  sent_http_grpc_status: 'grpc',
  sent_trailer_grpc_status: 'grpc',
  upstream_trailer_grpc_status: 'grpc',
  upstream_header_time: 'headS',
  upstream_response_time: 'upstreamS',
  request_time: 'totalS',
  host: 'host',
  http_host: 'host',
  server_name: 'host',
  proxy_host: 'cluster',
};

const ENVOY: Readonly<Record<string, Field>> = {
  EMIT_TIME: 'endIso',
  RESPONSE_CODE: 'status',
  GRPC_STATUS_NUMBER: 'grpc',
  RESPONSE_FLAGS: 'flags',
  RESPONSE_DURATION: 'headMs',
  DURATION: 'totalMs',
  REQUESTED_SERVER_NAME: 'host',
  UPSTREAM_CLUSTER: 'cluster',
  UPSTREAM_CLUSTER_RAW: 'cluster',
  'RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)': 'headMs',
  'REQ(:AUTHORITY)': 'host',
  'REQ(HOST)': 'host',
};

/** How Envoy's own JSON, and Istio's, call these. */
const ENVOY_KEYS: Readonly<Record<string, Field>> = {
  start_time: 'beginIso',
  response_code: 'status',
  response_flags: 'flags',
  duration: 'totalMs',
  upstream_service_time: 'headMs',
  'x-envoy-upstream-service-time': 'headMs',
  authority: 'host',
  ':authority': 'host',
  upstream_cluster: 'cluster',
  grpc_status_number: 'grpc',
};

/** START_TIME's own formats; none: ISO 8601. */
const START_TIMES: Readonly<Record<string, Field>> = { '%s': 'beginS', '%s.%3f': 'beginS', '%s.%6f': 'beginS', '%s.%9f': 'beginS', '%s%3f': 'beginMs' };

/** Undefined: it says nothing of how a call went. @throws {Failure} for a time in a form that isn't known */
export function fieldOf(placeholder: string): Field | undefined {
  const [, braced, bare, command = '', argument] = [...placeholder.matchAll(PLACEHOLDER)][0] ?? [];
  const variable = braced ?? bare;
  if (variable !== undefined) return own(NGINX, variable);
  if (command === 'START_TIME') {
    const field = argument === undefined || argument === '' ? 'beginIso' : own(START_TIMES, argument);
    if (field === undefined) throw new Failure(`--format: found ${placeholder}, allowed: %START_TIME%, or with one of ${Object.keys(START_TIMES).join(', ')}`, 2);
    return field;
  }
  // `REQ(X?Y)`: Y stands in for X.
  const name = argument === undefined ? command : `${command}(${argument.toUpperCase().split('?')[0]})`;
  return own(ENVOY, name);
}

/** Of a JSON log whose keys are the usual ones. */
export function fieldOfKey(key: string): Field | undefined {
  return own(ENVOY_KEYS, key) ?? own(NGINX, key);
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** What several upstreams came to, one behind the other, stands in it. */
export function isListOf(placeholder: string): boolean {
  return /^\$\{?upstream_/.test(placeholder);
}

/**
 * UpstreamTrafficSetting (policy.openservicemesh.io/v1alpha1) as docs/semantics.md has it, every row. What it says of
 * rate limits, routes and retries is checked now and comes to life later; until then a warning names it.
 */
import { RE2JS } from 're2js';
import type { ConnectionLimits, Policy } from '#engine';
import { readDuration } from './duration.ts';
import { parseHostPort, qualify } from './host.ts';
import type { Place } from './place.ts';

export const NO_EFFECT = 'is read but has no effect in this version';
const CONTENT_CHARS_MAX = 65_536;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** No control characters: a value must not end its header. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const WINDOW = { defaultMs: 30_000, zeroIsDefault: true, wholeMs: true } as const;
const SLOW = { defaultMs: 5_000, zeroIsDefault: true, wholeMs: false } as const;
const CONNECT = { defaultMs: 5_000, zeroIsDefault: false, wholeMs: true } as const;

/** What is particular to this kind; key, version, body and the breaker's identity come from the caller. */
export interface TrafficSettingSpec {
  readonly upstream: string;
  readonly limits: ConnectionLimits;
  readonly breaker?: Omit<Policy, 'identity'>;
}

export function readTrafficSetting(spec: Place, namespace: string): TrafficSettingSpec | undefined {
  if (!spec.hasOnly(['host', 'connectionSettings', 'rateLimit', 'httpRoutes'])) return undefined;
  const upstream = readHost(spec.at('host'), namespace);
  const settings = open(spec.at('connectionSettings'), ['tcp', 'http']);
  const http = open(settings.at('http'), [
    'maxRequests',
    'maxRequestsPerConnection',
    'maxPendingRequests',
    'maxRetries',
    'circuitBreaking',
  ]);
  const limits = readLimits(open(settings.at('tcp'), ['maxConnections', 'connectTimeout']), http);
  readRateLimit(spec.at('rateLimit'));
  readRoutes(spec.at('httpRoutes'));
  const breaking = http.at('circuitBreaking');
  return breaking.absent ? { upstream, limits } : { upstream, limits, breaker: readBreaker(breaking, upstream) };
}

/** An absent object reads as one without fields. */
function open(place: Place, allowed: readonly string[]): Place {
  if (!place.absent) place.hasOnly(allowed);
  return place;
}

function readHost(place: Place, namespace: string): string {
  const name = 'a host name such as fortio.circuit-breaking.svc.cluster.local, a bare service name, or either with :PORT';
  const parsed = typeof place.value === 'string' ? parseHostPort(place.value) : undefined;
  if (parsed === undefined || parsed.port === 0) {
    place.refuse(name);
    return '';
  }
  const host = qualify(parsed.host, namespace);
  return parsed.port === undefined ? host : `${host}:${parsed.port}`;
}

function readLimits(tcp: Place, http: Place): ConnectionLimits {
  if (!http.at('maxRetries').absent) http.at('maxRetries').warn(NO_EFFECT);
  for (const place of [tcp.at('maxConnections'), http.at('maxRequests')]) if (place.value === 0) place.warn('0 lets no call through');
  const perConnection = readLimit(http.at('maxRequestsPerConnection'));
  return {
    maxConnections: readLimit(tcp.at('maxConnections')),
    connectTimeoutMs: readDuration(tcp.at('connectTimeout'), CONNECT),
    maxRequests: readLimit(http.at('maxRequests')),
    // As in the reference, whose multiplexer takes 0 for "no limit".
    maxRequestsPerConnection: perConnection === 0 ? Infinity : perConnection,
    maxPendingRequests: readLimit(http.at('maxPendingRequests')),
    maxRetries: readLimit(http.at('maxRetries')),
  };
}

function readLimit(place: Place): number {
  return place.absent ? Infinity : place.uint32();
}

function readBreaker(place: Place, upstream: string): Omit<Policy, 'identity'> {
  place.hasOnly(BREAKER_FIELDS);
  const amount = (field: string) => (place.at(field).absent ? 0 : place.at(field).uint32());
  const ratio = (field: string) => (place.at(field).absent ? 0 : place.at(field).ratio());
  const minRequestAmount = amount('minRequestAmount');
  const policy: Omit<Policy, 'identity'> = {
    upstream,
    statTimeWindowMs: readDuration(place.at('statTimeWindow'), WINDOW),
    minRequestAmount: minRequestAmount === 0 ? 100 : minRequestAmount,
    errorAmountThreshold: amount('errorAmountThreshold'),
    errorRatioThreshold: ratio('errorRatioThreshold'),
    slowTimeThresholdMs: readDuration(place.at('slowTimeThreshold'), SLOW),
    slowAmountThreshold: amount('slowAmountThreshold'),
    slowRatioThreshold: ratio('slowRatioThreshold'),
    degradedTimeWindowMs: readDuration(place.at('degradedTimeWindow'), WINDOW),
    degraded: { statusCode: readStatus(place.at('degradedStatusCode')), content: readContent(place.at('degradedResponseContent')) },
  };
  if (policy.errorAmountThreshold + policy.errorRatioThreshold + policy.slowAmountThreshold + policy.slowRatioThreshold === 0) {
    place.warn('no threshold is set, so this breaker never opens');
  }
  return policy;
}

const BREAKER_FIELDS = [
  'statTimeWindow',
  'minRequestAmount',
  'errorAmountThreshold',
  'errorRatioThreshold',
  'slowTimeThreshold',
  'slowAmountThreshold',
  'slowRatioThreshold',
  'degradedTimeWindow',
  'degradedStatusCode',
  'degradedResponseContent',
] as const;

function readStatus(place: Place): number {
  return place.absent ? 409 : place.integer(200, 599);
}

/** An empty text is an empty body, not the default. */
function readContent(place: Place): string {
  if (place.absent) return 'Coming soon ...';
  return place.text(`a string of at most ${CONTENT_CHARS_MAX} characters, in quotes if it looks like a number`, (text) => text.length <= CONTENT_CHARS_MAX);
}

function readRateLimit(place: Place): void {
  if (place.absent) return;
  place.warn(NO_EFFECT);
  const local = open(open(place, ['local']).at('local'), ['tcp', 'http']);
  const tcp = local.at('tcp');
  if (!tcp.absent && tcp.hasOnly(['connections', 'unit', 'burst'])) readBucket(tcp, 'connections');
  readHttpBucket(local.at('http'));
}

function readHttpBucket(place: Place): void {
  if (place.absent || !place.hasOnly(['requests', 'unit', 'burst', 'responseStatusCode', 'responseHeadersToAdd'])) return;
  readBucket(place, 'requests');
  const status = place.at('responseStatusCode');
  if (!status.absent) status.integer(400, 599);
  const headers = place.at('responseHeadersToAdd');
  if (headers.absent) return;
  for (const header of headers.items('a list of {name, value}')) {
    if (!header.hasOnly(['name', 'value'])) continue;
    header.at('name').text('an HTTP header name', (name) => HEADER_NAME.test(name));
    header.at('value').text('a string without line breaks', (value) => HEADER_VALUE.test(value));
  }
}

function readBucket(place: Place, amount: string): void {
  place.at(amount).uint32();
  place.at('unit').oneOf(['second', 'minute', 'hour']);
  if (!place.at('burst').absent) place.at('burst').uint32();
}

function readRoutes(place: Place): void {
  if (place.absent) return;
  place.warn(NO_EFFECT);
  for (const route of place.items('a list of {path, rateLimit}')) {
    if (!route.hasOnly(['path', 'rateLimit'])) continue;
    route.at('path').text('an RE2 expression for the whole path, such as /api/v1/.*', isRe2);
    const limit = route.at('rateLimit');
    if (!limit.absent && limit.hasOnly(['local'])) readHttpBucket(limit.at('local'));
  }
}

/** As it will be matched: by an engine without backtracking, so that no path can stall a proxy. */
function isRe2(path: string): boolean {
  if (path === '') return false;
  try {
    RE2JS.compile(path);
    return true;
  } catch {
    return false;
  }
}

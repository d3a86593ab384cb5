/** UpstreamTrafficSetting (policy.openservicemesh.io/v1alpha1) as docs/semantics.md has it, every row. */
import type { ConnectionLimits, Policy, RateLimits } from '#engine';
import { given } from '../fields.ts';
import { readDuration } from './duration.ts';
import { parseHostPort, qualify } from './host.ts';
import type { Place } from './place.ts';
import { readRateLimits } from './rate-limits.ts';

const CONTENT_CHARS_MAX = 65_536;

/** Of many documents most say nothing of these: one object for all of them. */
const NO_LIMITS: ConnectionLimits = Object.freeze({
  maxConnections: Infinity,
  connectTimeoutMs: 5_000,
  maxRequests: Infinity,
  maxRequestsPerConnection: Infinity,
  maxPendingRequests: Infinity,
  maxRetries: Infinity,
});
const DEGRADED: Policy['degraded'] = Object.freeze({ statusCode: 409, content: 'Coming soon ...' });

const WINDOW = { defaultMs: 30_000, zeroIsDefault: true, wholeMs: true } as const;
const SLOW = { defaultMs: 5_000, zeroIsDefault: true, wholeMs: false } as const;
const CONNECT = { defaultMs: NO_LIMITS.connectTimeoutMs, zeroIsDefault: false, wholeMs: true } as const;

/** What is particular to this kind; key, version, body and the breaker's identity come from the caller. */
export interface TrafficSettingSpec {
  readonly upstream: string;
  readonly limits: ConnectionLimits;
  readonly rateLimits?: RateLimits;
  readonly breaker?: Omit<Policy, 'identity'>;
}

export function readTrafficSetting(spec: Place, namespace: string): TrafficSettingSpec | undefined {
  if (!spec.hasOnly(['host', 'connectionSettings', 'rateLimit', 'httpRoutes'])) return undefined;
  const upstream = readHost(spec.at('host'), namespace);
  const settings = spec.at('connectionSettings').open(['tcp', 'http']);
  const http = settings.at('http').open([...LIMITS, 'circuitBreaking']);
  const limits = readLimits(settings.at('tcp').open(['maxConnections', 'connectTimeout']), http);
  const rateLimits = readRateLimits(spec.at('rateLimit'), spec.at('httpRoutes'));
  const breaking = http.at('circuitBreaking');
  const breaker = breaking.absent ? undefined : readBreaker(breaking, upstream);
  return { upstream, limits, ...given('rateLimits', rateLimits), ...given('breaker', breaker) };
}

function readHost(place: Place, namespace: string): string {
  const name = 'a host name such as fortio.circuit-breaking.svc.cluster.local, a bare service name, or either with :PORT';
  const upstream = typeof place.value === 'string' ? readUpstreamName(place.value, namespace) : undefined;
  if (upstream === undefined) place.refuse(name);
  return upstream ?? '';
}

/** L3. Undefined: it is no such name. */
export function readUpstreamName(text: string, namespace: string): string | undefined {
  const parsed = parseHostPort(text);
  if (parsed === undefined || parsed.port === 0) return undefined;
  const host = qualify(parsed.host, namespace);
  return parsed.port === undefined ? host : `${host}:${parsed.port}`;
}

function readLimits(tcp: Place, http: Place): ConnectionLimits {
  if (tcp.absent && LIMITS.every((field) => http.at(field).absent)) return NO_LIMITS;
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

const LIMITS = ['maxRequests', 'maxRequestsPerConnection', 'maxPendingRequests', 'maxRetries'] as const;

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
    degraded: readDegraded(place),
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

function readDegraded(place: Place): Policy['degraded'] {
  const [status, content] = [place.at('degradedStatusCode'), place.at('degradedResponseContent')];
  return status.absent && content.absent ? DEGRADED : { statusCode: readStatus(status), content: readContent(content) };
}

function readStatus(place: Place): number {
  return place.absent ? DEGRADED.statusCode : place.integer(200, 599);
}

/** An empty text is an empty body, not the default. */
function readContent(place: Place): string {
  if (place.absent) return DEGRADED.content;
  return place.text(`a string of at most ${CONTENT_CHARS_MAX} characters, in quotes if it looks like a number`, (text) => text.length <= CONTENT_CHARS_MAX);
}

/**
 * `rateLimit` and `httpRoutes` of an UpstreamTrafficSetting: token buckets on connections, on requests, and on the
 * requests of a path (docs/semantics.md).
 */
import { RE2JS } from 're2js';
import type { HttpRateLimit, RateLimit, RateLimits } from '#engine';
import { given } from '../fields.ts';
import type { Place } from './place.ts';

/** Each request is held against every path until one matches. */
const ROUTES_MAX = 100;
const PATH_CHARS_MAX = 1_024;
const HEADERS_MAX = 32;
const HEADER_NAME_CHARS_MAX = 256;
const HEADER_VALUE_CHARS_MAX = 4_096;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** No control characters: a value must not end its header. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** They say where an answer ends and what becomes of its connection (RFC 9110 7.6.1, 9112 6), which only the proxy knows. */
const FRAMING_HEADERS = ['connection', 'content-length', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

const PERIODS_MS = { second: 1_000, minute: 60_000, hour: 3_600_000 } as const;
const HTTP_FIELDS = ['requests', 'unit', 'burst', 'responseStatusCode', 'responseHeadersToAdd'] as const;

/** Undefined where neither has a limit. */
export function readRateLimits(rateLimit: Place, httpRoutes: Place): RateLimits | undefined {
  const local = rateLimit.open(['local']).at('local').open(['tcp', 'http']);
  const tcp = local.at('tcp').absent ? undefined : readTcp(local.at('tcp'));
  const http = local.at('http').absent ? undefined : readHttp(local.at('http'));
  const paths = readRoutes(httpRoutes);
  if (tcp === undefined && http === undefined && paths.length === 0) return undefined;
  return { ...given('tcp', tcp), ...given('http', http), paths };
}

function readTcp(place: Place): RateLimit | undefined {
  return place.hasOnly(['connections', 'unit', 'burst']) ? readBucket(place, 'connections') : undefined;
}

function readHttp(place: Place): HttpRateLimit | undefined {
  if (!place.hasOnly(HTTP_FIELDS)) return undefined;
  const status = place.at('responseStatusCode');
  return {
    ...readBucket(place, 'requests'),
    statusCode: status.absent ? 429 : status.integer(400, 599),
    headers: readHeaders(place.at('responseHeadersToAdd')),
  };
}

function readBucket(place: Place, what: 'connections' | 'requests'): RateLimit {
  const amount = place.at(what).uint32();
  const unit = place.at('unit').oneOf(['second', 'minute', 'hour']);
  const burst = place.at('burst').absent ? 0 : place.at('burst').uint32();
  if (place.at(what).value === 0) place.at(what).warn(burst === 0 ? '0 lets nothing through' : `0 never fills: only the first ${burst} ${what} pass`);
  return { amount, periodMs: PERIODS_MS[unit], burst };
}

/** Name, value, name, value … */
function readHeaders(place: Place): readonly string[] {
  if (place.absent) return [];
  const items = place.items('a list of {name, value}');
  if (items.length > HEADERS_MAX) place.problem(`found ${items.length} headers; allowed: at most ${HEADERS_MAX}`);
  return items.slice(0, HEADERS_MAX).flatMap((header) => {
    if (!header.hasOnly(['name', 'value'])) return [];
    return [readHeaderName(header.at('name')), header.at('value').text(`a string without line breaks, at most ${HEADER_VALUE_CHARS_MAX} characters`, isHeaderValue)];
  });
}

function readHeaderName(place: Place): string {
  const name = place.text(`an HTTP header name, at most ${HEADER_NAME_CHARS_MAX} characters`, isHeaderName);
  if (FRAMING_HEADERS.includes(name.toLowerCase())) {
    place.refuse(`any header but those that frame an answer, which are the proxy's own (${FRAMING_HEADERS.join(', ')})`);
  }
  return name;
}

function isHeaderName(name: string): boolean {
  return name.length <= HEADER_NAME_CHARS_MAX && HEADER_NAME.test(name);
}

function isHeaderValue(value: string): boolean {
  return value.length <= HEADER_VALUE_CHARS_MAX && HEADER_VALUE.test(value);
}

function readRoutes(place: Place): RateLimits['paths'] {
  if (place.absent) return [];
  const items = place.items('a list of {path, rateLimit}');
  if (items.length > ROUTES_MAX) place.problem(`found ${items.length} routes; allowed: at most ${ROUTES_MAX}`);
  return items.slice(0, ROUTES_MAX).flatMap((route) => {
    if (!route.hasOnly(['path', 'rateLimit'])) return [];
    const path = route.at('path').text(`an RE2 expression for the whole path, such as /api/v1/.*, at most ${PATH_CHARS_MAX} characters`, isRe2);
    const http = readRouteLimit(route.at('rateLimit'));
    if (http === undefined) {
      route.warn('has no rateLimit.local, so it does nothing');
      return [];
    }
    return [{ path, http }];
  });
}

/** The reference has the fields directly under `local`; under `local.http`, as the host's limit has them, they mean the same. */
function readRouteLimit(rateLimit: Place): HttpRateLimit | undefined {
  if (rateLimit.absent || !rateLimit.hasOnly(['local'])) return undefined;
  const local = rateLimit.at('local');
  if (local.absent) return undefined;
  if (local.at('http').absent) return readHttp(local);
  local.hasOnly(['http']);
  return readHttp(local.at('http'));
}

/** As it will be matched: by an engine without backtracking, so that no path can stall a proxy. */
function isRe2(path: string): boolean {
  if (path === '' || path.length > PATH_CHARS_MAX) return false;
  try {
    RE2JS.compile(path);
    return true;
  } catch {
    return false;
  }
}

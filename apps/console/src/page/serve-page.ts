/**
 * `/`, its deep links and its assets. They hold nothing that anybody may not see, so they need no token: what they show
 * comes from `/api/v1`, which does. Nothing but what is named here is served, whatever the path.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PageFile, PageFiles } from './page-files.ts';

/** All of it from here, nothing inline, and no text ever becomes markup or code. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS = new Map([
  ['content-security-policy', POLICY],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['permissions-policy', 'camera=(), geolocation=(), microphone=()'],
  ['referrer-policy', 'no-referrer'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['vary', 'accept-encoding'],
]);

const YEAR_S = 31_536_000;
/** What the page itself routes, so that a link to it can be kept. */
const DEEP_LINK = /^\/(?:upstreams\/[^/]+|fleet)?$/;
const NOT_BUILT = 'The page was not built. `npm run build` builds it; what it would show is at /api/v1/breakers.\n';

/** Express middleware: answers what is the page's, hands on what isn't. */
export function servePage(files: PageFiles) {
  return (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return next();
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const isLink = DEEP_LINK.test(path);
    const file = files.get(isLink ? 'index.html' : path.slice(1));
    if (file !== undefined) return send(file, request, response);
    if (!isLink) return next();
    response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }).end(NOT_BUILT);
  };
}

function send(file: PageFile, request: IncomingMessage, response: ServerResponse): void {
  const accepted = acceptedOf(request);
  const packed = file.packed.find(({ encoding }) => accepted.has(encoding));
  const tag = `"${file.tag}${packed === undefined ? '' : `-${packed.encoding}`}"`;
  response.setHeaders(HEADERS);
  response.setHeader('etag', tag);
  response.setHeader('cache-control', file.isImmutable ? `public, max-age=${YEAR_S}, immutable` : 'no-cache');
  if (tagsOf(request).includes(tag)) return void response.writeHead(304).end();
  const body = packed?.body ?? file.plain;
  response.setHeader('content-type', file.type);
  response.setHeader('content-length', body.length);
  if (packed !== undefined) response.setHeader('content-encoding', packed.encoding);
  response.writeHead(200).end(request.method === 'HEAD' ? undefined : body);
}

function acceptedOf({ headers }: IncomingMessage): ReadonlySet<string> {
  const offers = (headers['accept-encoding'] ?? '').split(',');
  return new Set(offers.filter((offer) => !/;\s*q=0(?:\.0*)?\s*$/.test(offer)).map((offer) => (offer.split(';', 1)[0] ?? '').trim().toLowerCase()));
}

function tagsOf({ headers }: IncomingMessage): readonly string[] {
  return (headers['if-none-match'] ?? '').split(',').map((each) => each.trim().replace(/^W\//, ''));
}

/**
 * What goes on to the next hop, in both directions. All that is about the call passes as it came: order, repeats and
 * bytes. nghttp2 has checked names and values, and that nothing connection-specific is there (RFC 9113 8.2).
 */
import { sensitiveHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { Peer } from '../http1/request-text.ts';
import type { TraceHeaders } from '../trace.ts';
import type { Http2Request } from './request.ts';

export const VIA = '2 fuseboard';

/**
 * Takes over which names must not be kept in a compression table (RFC 7541 7.1.3), as node:http2 hangs them on.
 *
 * @param to a list of name, value, name, value …
 */
export function takeSensitive<T extends readonly string[]>(to: T, from: object): T {
  const names = Reflect.get(from, sensitiveHeaders) as readonly string[] | undefined;
  return names === undefined || names.length === 0 ? to : Object.assign(to, { [sensitiveHeaders]: names });
}

/** @param scheme of the connection to the upstream. */
export function requestHeaders(request: Http2Request, peer: Peer, scheme: 'http' | 'https'): string[] {
  const { method, path, authority, headers } = request;
  const passed = [':method', method, ':scheme', scheme, ':authority', authority, ':path', path];
  let forwardedFor = '';
  let proto: string = peer.proto;
  let host = authority;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    if (name === 'forwarded' && !peer.isTrusted) continue;
    if (!name.startsWith('x-forwarded-')) passed.push(name, value);
    else if (name === 'x-forwarded-for') forwardedFor += `${value}, `;
    else if (name === 'x-forwarded-proto') proto = peer.isTrusted ? value : proto;
    else if (name === 'x-forwarded-host') host = peer.isTrusted ? value : host;
    else passed.push(name, value);
  }
  if (request.takesTrailers) passed.push('te', 'trailers');
  const addresses = peer.isTrusted ? forwardedFor + peer.address : peer.address;
  passed.push('x-forwarded-for', addresses, 'x-forwarded-proto', proto, 'x-forwarded-host', host, 'via', VIA);
  return takeSensitive(passed, headers);
}

/** With the trace's headers in place of the caller's; undefined: as they are. */
export function tracedHeaders(headers: string[], trace: TraceHeaders | undefined): string[] {
  if (trace === undefined) return headers;
  const passed: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name !== 'traceparent' && (trace.keepsState || name !== 'tracestate')) passed.push(name, headers[i + 1] as string);
  }
  passed.push('traceparent', trace.traceparent);
  return takeSensitive(passed, headers);
}

export interface ResponseHead {
  readonly headers: string[];
  readonly contentType: string | undefined;
  /** Of the body, bytes; undefined where the head doesn't say. */
  readonly contentLength: number | undefined;
  /** O3: the answer says itself that it is a refusal from further on. */
  readonly isRefusal: boolean;
}

/** An upstream's head as it goes on; undefined: it is longer than bytesMax. */
export function responseHead(rawHeaders: readonly string[], bytesMax: number): ResponseHead | undefined {
  const headers: string[] = [];
  let contentType: string | undefined;
  let contentLength: number | undefined;
  let isRefusal = false;
  let bytes = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const value = rawHeaders[i + 1] as string;
    bytes += name.length + value.length + 4;
    if (isAboutHop(name)) continue;
    if (name === 'content-type') contentType = value;
    else if (name === 'content-length') contentLength = Number(value);
    else if (name === 'x-fuseboard-state') isRefusal ||= value === 'open';
    else if (name === 'x-envoy-overloaded') isRefusal ||= value === 'true';
    headers.push(name, value);
  }
  if (bytes > bytesMax) return undefined;
  takeSensitive(headers, rawHeaders);
  headers.push('via', VIA);
  return { headers, contentType, contentLength, isRefusal };
}

/** Trailers and 1xx, for the calls of node:http2 that take no list. What would frame or route a message is no trailer (RFC 9110 6.5.1). */
export function headersObject(rawHeaders: readonly string[]): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const value = rawHeaders[i + 1] as string;
    if (isAboutHop(name) || name === 'content-length' || name === 'host') continue;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (typeof before === 'string') headers[name] = [before, value];
    else before.push(value);
  }
  return headers;
}

function isAboutHop(name: string): boolean {
  return name === 'te' || name === 'proxy-authenticate' || name === 'proxy-authorization' || name === 'http2-settings';
}

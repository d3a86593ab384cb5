/**
 * A request's headers on their way in, judged once. nghttp2 has already refused what is no HTTP/2 (stream error
 * PROTOCOL_ERROR): names in upper case, connection-specific headers, `te` other than `trailers`, pseudo-headers that are
 * unknown, repeated, missing or late, a second `host`, control characters. Here stands what a proxy refuses beyond that.
 */
import type { Bounds } from '../options.ts';
import { isAuthority, NEVER_WITH_UNDERSCORE, type HeadFault } from '../http1/request-head.ts';
import { isGrpcType } from './grpc.ts';
import { takeSensitive } from './headers.ts';

export interface Http2Request {
  readonly method: string;
  /** Origin-form or `*`. */
  readonly path: string;
  /** Whom the call is for, as the caller wrote it. */
  readonly authority: string;
  /** Name, value, name, value … without pseudo-headers, `host` and what is about this hop. */
  readonly headers: readonly string[];
  readonly isGrpc: boolean;
  readonly expectsContinue: boolean;
  /** It can take trailers, as gRPC must say. */
  readonly takesTrailers: boolean;
}

export interface Http2Fault {
  readonly statusCode: HeadFault['statusCode'] | 405 | 414;
  readonly text: string;
  /** So that the answer is one that its client understands. */
  readonly isGrpc: boolean;
}

const SHOWN_CHARS_MAX = 60;

type RequestBounds = Pick<Bounds, 'requestHeadBytesMax' | 'requestHeadersMax' | 'targetBytesMax'>;

interface Seen {
  method: string;
  scheme: string;
  path: string;
  authority: string | undefined;
  host: string | undefined;
  expect: string | undefined;
  contentType: string | undefined;
  takesTrailers: boolean;
  /** A name that some servers take for another's. */
  ambiguous: string | undefined;
  bytes: number;
  count: number;
  headers: string[];
}

/** @param rawHeaders name, value, name, value … as they came. */
export function readHttp2Request(rawHeaders: readonly string[], bounds: RequestBounds): Http2Request | Http2Fault {
  const seen = look(rawHeaders);
  const isGrpc = isGrpcType(seen.contentType);
  const fault = faultOf(seen, bounds);
  if (fault !== undefined) return { ...fault, isGrpc };
  const { method, path, authority = seen.host ?? '', takesTrailers } = seen;
  const headers = takeSensitive(seen.headers, rawHeaders);
  return { method, path, authority, headers, isGrpc, expectsContinue: seen.expect !== undefined, takesTrailers };
}

function look(rawHeaders: readonly string[]): Seen {
  const seen: Seen = {
    method: '',
    scheme: '',
    path: '',
    authority: undefined,
    host: undefined,
    expect: undefined,
    contentType: undefined,
    takesTrailers: false,
    ambiguous: undefined,
    bytes: 0,
    count: 0,
    headers: [],
  };
  for (let i = 0; i < rawHeaders.length; i += 2) note(seen, rawHeaders[i] as string, rawHeaders[i + 1] as string);
  return seen;
}

function note(seen: Seen, name: string, value: string): void {
  // What the line would take in HTTP/1: one bound holds for both.
  seen.bytes += name.length + value.length + 4;
  if (name.charCodeAt(0) === 0x3a) {
    notePseudo(seen, name, value);
    return;
  }
  seen.count++;
  switch (name) {
    case 'host':
      seen.host = value;
      return;
    case 'te':
      seen.takesTrailers = true;
      return;
    case 'expect':
      seen.expect = value;
      return;
    // About this hop and the next one, not about the call (RFC 9110 7.6.1).
    case 'proxy-authorization':
    case 'proxy-authenticate':
    case 'http2-settings':
      return;
    case 'content-type':
      seen.contentType = value;
  }
  if (name.includes('_') && NEVER_WITH_UNDERSCORE.test(name.replaceAll('_', '-'))) seen.ambiguous = name;
  seen.headers.push(name, value);
}

function notePseudo(seen: Seen, name: string, value: string): void {
  switch (name) {
    case ':method':
      seen.method = value;
      break;
    case ':scheme':
      seen.scheme = value;
      break;
    case ':path':
      seen.path = value;
      break;
    case ':authority':
      seen.authority = value;
  }
}

function faultOf(seen: Seen, bounds: RequestBounds): Omit<Http2Fault, 'isGrpc'> | undefined {
  const { authority, host, path, expect } = seen;
  if (seen.method === 'CONNECT') return { statusCode: 405, text: 'this is no tunnel: CONNECT is not served here' };
  if (seen.count > bounds.requestHeadersMax) return { statusCode: 431, text: `more than ${bounds.requestHeadersMax} headers` };
  if (path.length > bounds.targetBytesMax) return { statusCode: 414, text: `:path is longer than ${bounds.targetBytesMax} bytes` };
  if (seen.bytes > bounds.requestHeadBytesMax) return { statusCode: 431, text: `the headers are longer than ${bounds.requestHeadBytesMax} bytes` };
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) return { statusCode: 400, text: ':authority and host differ' };
  if (!isAuthority(authority ?? host ?? '')) return { statusCode: 400, text: 'the request names no valid host' };
  if (seen.scheme !== 'http' && seen.scheme !== 'https') return { statusCode: 400, text: 'this :scheme is not served here' };
  if (path.includes('#')) return { statusCode: 400, text: 'a request target has no fragment' };
  if (seen.ambiguous !== undefined) return { statusCode: 400, text: `the header ${seen.ambiguous.slice(0, SHOWN_CHARS_MAX)} can be taken for another` };
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') return { statusCode: 417, text: `expect: ${expect.slice(0, SHOWN_CHARS_MAX)} can't be met` };
  return undefined;
}

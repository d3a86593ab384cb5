/**
 * What may go on to the next hop. Hop-by-hop headers and those that Connection names stay here, in both directions
 * (RFC 9110 7.6.1); all others pass as they came: spelling, order and repeats.
 */
import type { RequestHead } from './request-head.ts';

/** Added to every answer of an upstream. */
export const VIA = '1.1 fuseboard';

/** An upstream's response head as it goes on. */
export interface PassedHead {
  readonly headers: string[];
  /** Of the body; undefined where the head names none. */
  readonly contentLength: number | undefined;
  /** O3: the answer says itself that it is a refusal from further on. */
  readonly isRefusal: boolean;
}

const NOT_IN_REASON = /[^\t\x20-\x7e\x80-\xff]/;

/** Names by length: most headers are passed without being put into lower case. */
function isHopByHop(name: string): boolean {
  switch (name.length) {
    case 2:
      return name.toLowerCase() === 'te';
    case 7: {
      const lower = name.toLowerCase();
      return lower === 'upgrade' || lower === 'trailer';
    }
    case 10: {
      const lower = name.toLowerCase();
      return lower === 'connection' || lower === 'keep-alive';
    }
    case 14:
      return name.toLowerCase() === 'http2-settings';
    case 16:
      return name.toLowerCase() === 'proxy-connection';
    case 17:
      return name.toLowerCase() === 'transfer-encoding';
    case 18:
      return name.toLowerCase() === 'proxy-authenticate';
    case 19:
      return name.toLowerCase() === 'proxy-authorization';
    default:
      return false;
  }
}

export interface Forwarding {
  readonly method: string;
  readonly rawHeaders: readonly string[];
  readonly head: RequestHead;
  /** Named where the caller (HTTP/1.0) named nobody. */
  readonly defaultHost: string;
  /** The last request on its connection: say so. */
  readonly isLast: boolean;
}

/**
 * The request head as bytes in latin1, the body's framing being our own: one decimal Content-Length, or chunked. The
 * parser has refused every character that could end a line.
 */
export function requestHeadText(forwarding: Forwarding): string {
  const { method, rawHeaders, head } = forwarding;
  let text = `${method} ${head.path} HTTP/1.1\r\n`;
  let isHostNamed = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (isHopByHop(name) || isConsumed(name) || isListed(head.connectionNames, name)) continue;
    const isHost = name.length === 4 && name.toLowerCase() === 'host';
    isHostNamed ||= isHost;
    text += `${name}: ${isHost && head.absolute ? head.authority : rawHeaders[i + 1]}\r\n`;
  }
  if (!isHostNamed) text += `Host: ${head.authority ?? forwarding.defaultHost}\r\n`;
  if (head.body.kind === 'length') text += `Content-Length: ${head.body.bytes}\r\n`;
  else if (head.body.kind === 'chunked') text += 'Transfer-Encoding: chunked\r\n';
  return forwarding.isLast ? `${text}Connection: close\r\n\r\n` : `${text}\r\n`;
}

/** Framing is written anew, and `100-continue` is between us and the client. */
function isConsumed(name: string): boolean {
  if (name.length === 14) return name.toLowerCase() === 'content-length';
  return name.length === 6 && name.toLowerCase() === 'expect';
}

function isListed(names: readonly string[], name: string): boolean {
  return names.length > 0 && names.includes(name.toLowerCase());
}

/**
 * The response head as it goes on, or undefined where its framing can be read in two ways.
 *
 * Content-Length is put last: node:http re-codes a Content-Disposition that comes after one as UTF-8, and bytes must
 * pass unchanged.
 */
export function passResponseHead(rawHeaders: readonly string[], statusCode: number): PassedHead | undefined {
  const headers: string[] = [];
  const names = connectionNames(rawHeaders);
  let contentLength: number | undefined;
  let lengthName = '';
  let hasCoding = false;
  let isRefusal = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const value = rawHeaders[i + 1] as string;
    if (isHopByHop(name)) {
      if (name.length !== 17) continue;
      if (hasCoding || value.toLowerCase() !== 'chunked') return undefined;
      hasCoding = true;
    } else if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (contentLength !== undefined) return undefined;
      contentLength = Number(value);
      lengthName = name;
    } else if (!isListed(names, name)) {
      isRefusal ||= saysRefusal(name, value);
      headers.push(name, value);
    }
  }
  if (contentLength !== undefined && (hasCoding || !Number.isSafeInteger(contentLength))) return undefined;
  headers.push('via', VIA);
  // RFC 9110 8.6: a 204 has no Content-Length.
  if (contentLength !== undefined && statusCode !== 204) headers.push(lengthName, String(contentLength));
  return { headers, contentLength, isRefusal };
}

/** The parser takes any byte in a reason phrase; RFC 9112 4 doesn't, nor does whoever writes it on. */
export function isReason(reason: string): boolean {
  return reason === 'OK' || !NOT_IN_REASON.test(reason);
}

function saysRefusal(name: string, value: string): boolean {
  if (name.length === 17) return name.toLowerCase() === 'x-fuseboard-state' && value === 'open';
  return name.length === 18 && name.toLowerCase() === 'x-envoy-overloaded' && value === 'true';
}

const NO_NAMES: readonly string[] = [];

function connectionNames(rawHeaders: readonly string[]): readonly string[] {
  let names = NO_NAMES;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = (rawHeaders[i + 1] as string).toLowerCase();
    if (value === 'keep-alive' || value === 'close') continue;
    names = [...names, ...value.split(',').map((listed) => listed.trim())];
  }
  return names;
}

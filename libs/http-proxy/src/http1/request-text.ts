/**
 * The request head as it goes on to the upstream: what is of this hop stays here, what the caller may not claim is
 * overwritten, the body's framing is our own; all other lines pass as they came.
 */
import { CHUNKED } from './message-parser.ts';
import { HeadText, type MessageHead } from './message-head.ts';
import type { TraceHeaders } from '../trace.ts';
import type { RequestHead } from './request-head.ts';

/** Added in both directions (RFC 9110 7.6.3). */
export const VIA_LINE = 'Via: 1.1 fuseboard\r\n';
const VIA_10_LINE = 'Via: 1.0 fuseboard\r\n';

/** The client's side of a connection, as upstreams are told of it. */
export interface Peer {
  /** Without brackets or a zone. */
  readonly address: string;
  readonly proto: 'http' | 'https';
  /** Of a trusted network: what it says of its own clients is believed and added to. */
  readonly isTrusted: boolean;
}

export interface Forwarding {
  readonly peer: Peer;
  /** Named where the caller (HTTP/1.0) named nobody. */
  readonly defaultHost: string;
  /** The last request on its connection: say so. */
  readonly isLast: boolean;
  /** In place of the caller's; undefined: those go on. */
  readonly trace: TraceHeaders | undefined;
}

/** In latin1. The parser has refused every character that could end a line. */
export function requestText(raw: MessageHead, head: RequestHead, forwarding: Forwarding): string {
  const text = start(raw, head);
  const { peer, trace } = forwarding;
  for (let n = 0; n < raw.count; n++) {
    const mark = head.marks[n];
    if (trace !== undefined && isReplaced(raw, n, trace)) continue;
    if (mark === 'keep' || (mark === 'host' && !head.isAbsolute)) text.keep(n);
    // Of those that are believed, X-Forwarded-For is written with our own part added.
    else if (mark === 'forwarded' && peer.isTrusted && !isForwardedFor(raw, n)) text.keep(n);
  }
  const host = head.authority ?? forwarding.defaultHost;
  let tail = head.isAbsolute || head.authority === undefined ? `Host: ${host}\r\n` : '';
  tail += (head.isHttp10 ? VIA_10_LINE : VIA_LINE) + forwardedLines(raw, head, { peer, host });
  if (trace !== undefined) tail += `traceparent: ${trace.traceparent}\r\n`;
  if (head.body === CHUNKED) tail += 'Transfer-Encoding: chunked\r\n';
  else if (head.body !== undefined) tail += `Content-Length: ${head.body}\r\n`;
  return `${text.end(tail)}${connectionLines(head, forwarding.isLast)}\r\n`;
}

/** As it came, where that is how it goes on. */
function start(raw: MessageHead, head: RequestHead): HeadText {
  if (head.isAbsolute || head.isHttp10) return new HeadText(raw, { text: `${head.method} ${head.path} HTTP/1.1\r\n`, from: 0, to: 0 });
  return new HeadText(raw, { text: '', from: raw.lineFrom - head.method.length - 1, to: raw.lineTo + ' HTTP/1.1'.length });
}

function forwardedLines(raw: MessageHead, head: RequestHead, of: { readonly peer: Peer; readonly host: string }): string {
  const { peer, host } = of;
  if (!peer.isTrusted) return `X-Forwarded-For: ${peer.address}\r\nX-Forwarded-Proto: ${peer.proto}\r\nX-Forwarded-Host: ${host}\r\n`;
  let chain = '';
  let hasProto = false;
  let hasHost = false;
  for (let n = 0; n < raw.count; n++) {
    if (head.marks[n] !== 'forwarded') continue;
    if (isForwardedFor(raw, n)) chain += `${raw.value(n)}, `;
    hasProto ||= raw.isNamed(n, 'x-forwarded-proto');
    hasHost ||= raw.isNamed(n, 'x-forwarded-host');
  }
  return `X-Forwarded-For: ${chain}${peer.address}\r\n${hasProto ? '' : `X-Forwarded-Proto: ${peer.proto}\r\n`}${hasHost ? '' : `X-Forwarded-Host: ${host}\r\n`}`;
}

function isReplaced(raw: MessageHead, n: number, trace: TraceHeaders): boolean {
  return raw.isNamed(n, 'traceparent') || (!trace.keepsState && raw.isNamed(n, 'tracestate'));
}

function isForwardedFor(raw: MessageHead, n: number): boolean {
  return raw.isNamed(n, 'x-forwarded-for');
}

function connectionLines(head: RequestHead, isLast: boolean): string {
  if (head.upgrade !== undefined && head.upgrade.toLowerCase() !== 'h2c') return `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n`;
  const te = head.takesTrailers ? 'TE: trailers\r\n' : '';
  if (isLast) return head.takesTrailers ? `${te}Connection: close, TE\r\n` : 'Connection: close\r\n';
  return head.takesTrailers ? `${te}Connection: TE\r\n` : '';
}

/**
 * A request head on its way in: judged once, before anything else looks at it. The rule: what two parsers could read
 * differently is refused and nothing of it reaches an upstream. llhttp in its strict mode has already refused what
 * is no HTTP at all; here stands what it lets through and a proxy must not.
 */
import { CHUNKED } from './message-parser.ts';
import type { MessageHead } from './message-head.ts';

export interface RequestHead {
  readonly method: string;
  /** Whom the call is for, as the caller wrote it: the absolute target's authority, else Host; HTTP/1.0 may have none. */
  readonly authority: string | undefined;
  /** The target named its authority itself: Host is replaced by it (RFC 9112 3.2.2). */
  readonly isAbsolute: boolean;
  /** Origin-form or `*`: what is asked of the upstream. */
  readonly path: string;
  /** Bytes, or CHUNKED; undefined: none is announced. */
  readonly body: number | undefined;
  readonly expectsContinue: boolean;
  readonly isHttp10: boolean;
  /** The client takes the connection for another request. */
  readonly keepsAlive: boolean;
  /** The protocol that the connection is wished to change to; `h2c` alone is left aside (RFC 9110 7.8). */
  readonly upgrade: string | undefined;
  /** The client takes trailers (RFC 9110 6.5.1). */
  readonly takesTrailers: boolean;
  /** For each header what becomes of it; filled here, read by request-text.ts. */
  readonly marks: readonly Mark[];
}

/** keep: goes on · drop: of this hop, or written anew · host · forwarded: a claim about the client */
export type Mark = 'keep' | 'drop' | 'host' | 'forwarded';

/** Why a request is refused by itself, whoever it was for. The connection is closed after the answer. */
export interface HeadFault {
  readonly statusCode: 400 | 405 | 417 | 431 | 501;
  readonly text: string;
}

/** `HOST`, `HOST:PORT`, `[v6]`, `[v6]:PORT`; no userinfo, nothing empty. */
const AUTHORITY = /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)([^#]*)$/i;
/** Names with versions, in a list (RFC 9110 7.8). */
const PROTOCOLS = /^[!#$%&'*+.^_`|~0-9a-z-]+(?:\/[!#$%&'*+.^_`|~0-9a-z-]+)?(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9a-z-]+(?:\/[!#$%&'*+.^_`|~0-9a-z-]+)?)*$/;
const CR = 0x0d;
const SLASH = 0x2f;
const METHOD = /^[A-Z-]+$/;
const DIGITS = /^[0-9]+$/;
const SHOWN_CHARS_MAX = 60;

/** Taking these away at the caller's wish would change who the caller is or where the message ends. */
const NEVER_HOP_BY_HOP = /^(?:host|content-length|authorization|cookie|forwarded|via|x-forwarded-.*|x-real-ip|x-fuseboard-.*|x-envoy-.*)$/;
/** Servers that put `_` and `-` into one variable would take these names for those that a proxy vouches for. */
export const NEVER_WITH_UNDERSCORE = /^(?:host|connection|content-length|transfer-encoding|authorization|forwarded|x-forwarded-.*|x-real-ip|x-fuseboard-.*|x-envoy-.*)$/;

export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text);
}

/** A refused request's body that nobody asked for yet, or that is too long to be thrown away, ends its connection. */
export function leavesBody(head: RequestHead | undefined, bytesMax: number): boolean {
  return head?.body !== undefined && (head.expectsContinue || head.body === CHUNKED || head.body > bytesMax);
}

/** What the headers say that is about this hop; filled in one pass over them. */
class Seen {
  hosts = 0;
  host: string | undefined;
  lengths = 0;
  length = '';
  codings = 0;
  coding = '';
  expect: string | undefined;
  connection: string | undefined;
  upgrade: string | undefined;
  te: string | undefined;
  readonly marks: Mark[] = [];
}

export function readRequestHead(head: MessageHead): RequestHead | HeadFault {
  const { text, lineFrom, lineTo } = head;
  const isHttp10 = text.startsWith(' HTTP/1.0', lineTo);
  if (!isHttp10 && !text.startsWith(' HTTP/1.1', lineTo)) return fault(400, 'this version of HTTP is not served here');
  // Empty lines before a request are read over (RFC 9112 2.2).
  const method = text.slice(text.charCodeAt(0) > CR ? 0 : text.lastIndexOf('\n', lineFrom - 1) + 1, lineFrom - 1);
  // The parser takes line ends before a method and spaces behind it, and the line goes on as it came.
  if (method !== 'GET' && !METHOD.test(method)) return fault(400, 'no valid request line');
  if (method === 'CONNECT') return fault(405, 'CONNECT is not served here');
  const seen = look(head);
  if (seen.hosts > 1) return fault(400, 'more than one Host header');
  if (seen.hosts === 0 && !isHttp10) return fault(400, 'no Host header');
  const body = framing(seen, isHttp10);
  if (typeof body === 'object') return body;
  const { expect } = seen;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') return fault(417, `Expect: ${expect.slice(0, SHOWN_CHARS_MAX)} can't be met`);
  const names = seen.connection === undefined ? undefined : seen.connection.toLowerCase().split(',').map((name) => name.trim());
  const unlisted = (names === undefined ? undefined : dropListed(head, names, seen.marks)) ?? underscored(head);
  if (unlisted !== undefined) return unlisted;
  const upgrade = names?.includes('upgrade') === true && !isHttp10 ? seen.upgrade : undefined;
  if (upgrade !== undefined && !mayPass(upgrade, body)) return fault(400, 'this wish to upgrade is not served here');
  const aim = readTarget(text.slice(lineFrom, lineTo), method);
  if ('text' in aim) return aim;
  return {
    method,
    authority: aim.authority ?? seen.host,
    isAbsolute: aim.authority !== undefined,
    path: aim.path,
    body,
    expectsContinue: expect !== undefined && !isHttp10,
    isHttp10,
    // HTTP/1.0's own keep-alive isn't offered: proxies between that don't know it would break it (RFC 9112 C.2.2).
    keepsAlive: !isHttp10 && names?.includes('close') !== true,
    upgrade,
    takesTrailers: seen.te !== undefined && /(?:^|,)\s*trailers\s*(?:$|,|;)/i.test(seen.te),
    marks: seen.marks,
  };
}

interface Aim {
  readonly authority: string | undefined;
  readonly path: string;
}

/** The target in its three forms that may pass: `/path`, `http://authority/path`, and `*` for OPTIONS. */
function readTarget(target: string, method: string): Aim | HeadFault {
  if (target.charCodeAt(0) === SLASH) return target.includes('#') ? fault(400, 'a request target has no fragment') : { authority: undefined, path: target };
  if (target === '*' && method === 'OPTIONS') return { authority: undefined, path: '*' };
  const absolute = ABSOLUTE.exec(target);
  if (absolute === null) return fault(400, 'this form of request target is not served here');
  const [, authority = '', path = ''] = absolute;
  if (!isAuthority(authority)) return fault(400, 'the request target names no valid host');
  // RFC 9112 3.2.4: OPTIONS without a path asks of the server as a whole.
  if (path === '' && method === 'OPTIONS') return { authority, path: '*' };
  return { authority, path: path.startsWith('/') ? path : `/${path}` };
}

/** Names by length: most headers are passed over without being read. */
function look(head: MessageHead): Seen {
  const seen = new Seen();
  for (let n = 0; n < head.count; n++) {
    const length = head.nameLength(n);
    seen.marks.push(length === 2 || length === 4 || length === 6 || length === 7 || (length >= 9 && length <= 19) ? note(head, n, seen) : 'keep');
  }
  return seen;
}

function note(head: MessageHead, n: number, seen: Seen): Mark {
  switch (head.nameLength(n)) {
    case 2:
      if (!head.isNamed(n, 'te')) return 'keep';
      seen.te = joined(seen.te, head.value(n));
      return 'drop';
    case 4:
      if (!head.isNamed(n, 'host')) return 'keep';
      seen.hosts++;
      seen.host = head.value(n);
      return 'host';
    case 6:
      if (!head.isNamed(n, 'expect')) return 'keep';
      seen.expect = joined(seen.expect, head.value(n));
      return 'drop';
    case 7:
      if (!head.isNamed(n, 'upgrade')) return 'keep';
      seen.upgrade = joined(seen.upgrade, head.value(n));
      return 'drop';
    case 9:
      return head.isNamed(n, 'forwarded') ? 'forwarded' : 'keep';
    case 10:
      if (head.isNamed(n, 'keep-alive')) return 'drop';
      if (!head.isNamed(n, 'connection')) return 'keep';
      seen.connection = joined(seen.connection, head.value(n));
      return 'drop';
    default:
      return noteLong(head, n, seen);
  }
}

function noteLong(head: MessageHead, n: number, seen: Seen): Mark {
  switch (head.nameLength(n)) {
    case 14:
      if (head.isNamed(n, 'http2-settings')) return 'drop';
      if (!head.isNamed(n, 'content-length')) return 'keep';
      seen.lengths++;
      seen.length = head.value(n);
      return 'drop';
    case 15:
      return head.isNamed(n, 'x-forwarded-for') ? 'forwarded' : 'keep';
    case 16:
      if (head.isNamed(n, 'proxy-connection')) return 'drop';
      return head.isNamed(n, 'x-forwarded-host') ? 'forwarded' : 'keep';
    case 17:
      if (head.isNamed(n, 'x-forwarded-proto')) return 'forwarded';
      if (!head.isNamed(n, 'transfer-encoding')) return 'keep';
      seen.codings++;
      seen.coding = head.value(n);
      return 'drop';
    case 18:
      return head.isNamed(n, 'proxy-authenticate') ? 'drop' : 'keep';
    case 19:
      return head.isNamed(n, 'proxy-authorization') ? 'drop' : 'keep';
    default:
      return 'keep';
  }
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before},${value}`;
}

function framing(seen: Seen, isHttp10: boolean): number | undefined | HeadFault {
  if (seen.codings === 0 && seen.lengths === 0) return undefined;
  if (seen.codings > 0 && seen.lengths > 0) return fault(400, 'both Content-Length and Transfer-Encoding');
  if (seen.codings > 0) {
    if (isHttp10) return fault(400, 'Transfer-Encoding in HTTP/1.0');
    if (seen.codings > 1) return fault(400, 'more than one Transfer-Encoding header');
    return seen.coding.toLowerCase() === 'chunked' ? CHUNKED : fault(501, 'Transfer-Encoding other than chunked');
  }
  if (seen.lengths > 1) return fault(400, 'more than one Content-Length header');
  const bytes = Number(seen.length);
  return DIGITS.test(seen.length) && Number.isSafeInteger(bytes) ? bytes : fault(400, 'no valid Content-Length');
}

/** h2c alone is left aside; among others, an upstream could take it up and speak to the client behind our back. */
function mayPass(upgrade: string, body: number | undefined): boolean {
  const protocols = upgrade.toLowerCase();
  return protocols === 'h2c' || (body === undefined && PROTOCOLS.test(protocols) && !/\bh2c\b/.test(protocols));
}

/** What Connection names is of this hop (RFC 9110 7.6.1). */
function dropListed(head: MessageHead, names: readonly string[], marks: Mark[]): HeadFault | undefined {
  for (const name of names) {
    if (name === '' || name === 'close' || name === 'keep-alive' || name === 'upgrade' || name === 'te') continue;
    if (NEVER_HOP_BY_HOP.test(name)) return fault(400, `Connection may not name ${name.slice(0, SHOWN_CHARS_MAX)}`);
    for (let n = 0; n < head.count; n++) if (head.nameLength(n) === name.length && head.name(n).toLowerCase() === name) marks[n] = 'drop';
  }
  return undefined;
}

function underscored(head: MessageHead): HeadFault | undefined {
  if (!head.text.includes('_', head.lineTo)) return undefined;
  for (let n = 0; n < head.count; n++) {
    const name = head.name(n);
    if (name.includes('_') && NEVER_WITH_UNDERSCORE.test(name.toLowerCase().replaceAll('_', '-'))) {
      return fault(400, `the header ${name.slice(0, SHOWN_CHARS_MAX)} can be taken for another`);
    }
  }
  return undefined;
}

function fault(statusCode: HeadFault['statusCode'], text: string): HeadFault {
  return { statusCode, text };
}

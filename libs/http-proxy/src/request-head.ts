/**
 * A request head on its way in: judged once, before anything else looks at it. The rule: what two parsers could read
 * differently is refused and nothing of it reaches an upstream. llhttp in its strict mode has already refused what
 * is no HTTP at all; here stands what it lets through and a proxy must not.
 */

/** How the body is delimited. */
export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' };

export interface RequestHead {
  /** Whom the call is for, as the caller wrote it: the absolute target's authority, else Host; HTTP/1.0 may have none. */
  readonly authority: string | undefined;
  /** The target named its authority itself: Host is replaced by it (RFC 9112 3.2.2). */
  readonly absolute: boolean;
  /** Origin-form or `*`: what is asked of the upstream. */
  readonly path: string;
  readonly body: BodyFraming;
  readonly expectsContinue: boolean;
  /** Lower-case names that Connection lists, to be stripped; mostly none. */
  readonly connectionNames: readonly string[];
  /** A wish to upgrade is left aside: node:http drops what came in one packet behind it, so nothing after it may be served. */
  readonly endsConnection: boolean;
}

/** Why a request is refused by itself, whoever it was for. The connection is closed after the answer. */
export interface HeadFault {
  readonly statusCode: 400 | 417 | 431 | 501;
  readonly text: string;
}

export interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly httpVersion: string;
  /** Name, value, name, value … as they came. */
  readonly rawHeaders: readonly string[];
}

const NO_BODY: BodyFraming = { kind: 'none' };
const CHUNKED: BodyFraming = { kind: 'chunked' };
const NO_NAMES: readonly string[] = [];

/** `HOST`, `HOST:PORT`, `[v6]`, `[v6]:PORT`; no userinfo, nothing empty. */
const AUTHORITY = /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
const ABSOLUTE = /^http:\/\/([^/?#]*)([^#]*)$/i;
const DIGITS = /^[0-9]+$/;

/** Taking these away at the caller's wish would change who the caller is or where the message ends. */
const NEVER_HOP_BY_HOP = /^(?:host|content-length|authorization|cookie|forwarded|x-forwarded-.*|x-real-ip|x-fuseboard-.*|x-envoy-.*)$/;

export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text);
}

/** What the headers say that is about this hop; filled in one pass over them. */
interface Seen {
  hosts: number;
  host: string | undefined;
  lengths: number;
  length: string;
  codings: number;
  coding: string;
  expect: string | undefined;
  connection: string | undefined;
  upgrade: string | undefined;
}

export function readRequestHead(request: RawRequest, headersMax: number): RequestHead | HeadFault {
  const { rawHeaders } = request;
  if (rawHeaders.length > headersMax * 2) return fault(431, `more than ${headersMax} headers`);
  if (request.httpVersion !== '1.1' && request.httpVersion !== '1.0') return fault(400, `HTTP/${request.httpVersion} is not served here`);
  const seen = look(rawHeaders);
  if (seen.hosts > 1) return fault(400, 'more than one Host header');
  if (seen.hosts === 0 && request.httpVersion === '1.1') return fault(400, 'no Host header');
  const body = framing(seen, request.httpVersion);
  if ('statusCode' in body) return body;
  if (seen.expect !== undefined && seen.expect.toLowerCase() !== '100-continue') return fault(417, `Expect: ${seen.expect.slice(0, 60)} can't be met`);
  const connectionNames = seen.connection === undefined ? NO_NAMES : namesIn(seen.connection);
  // A server may leave a wish to upgrade aside (RFC 9110 7.8). Java's HttpClient asks for h2c on each new connection and
  // is as well served by HTTP/1.1; to who asks for another protocol, HTTP would be of no use.
  for (const name of connectionNames) {
    if (NEVER_HOP_BY_HOP.test(name)) return fault(400, `Connection may not name ${name.slice(0, 60)}`);
    if (name === 'upgrade' && seen.upgrade !== undefined && seen.upgrade.toLowerCase() !== 'h2c') return fault(400, 'protocol upgrades are not served here');
  }
  const expectsContinue = seen.expect !== undefined && request.httpVersion === '1.1';
  const endsConnection = seen.upgrade !== undefined && connectionNames.includes('upgrade');
  return aim(request, seen.host, { body, expectsContinue, connectionNames, endsConnection });
}

/** The target in its three forms that may pass: `/path`, `http://authority/path`, and `*` for OPTIONS. */
function aim(request: RawRequest, host: string | undefined, rest: Omit<RequestHead, 'authority' | 'absolute' | 'path'>): RequestHead | HeadFault {
  const { target, method } = request;
  if (target.charCodeAt(0) === 0x2f) {
    if (target.includes('#')) return fault(400, 'a request target has no fragment');
    return { authority: host, absolute: false, path: target, ...rest };
  }
  if (target === '*' && method === 'OPTIONS') return { authority: host, absolute: false, path: '*', ...rest };
  const absolute = ABSOLUTE.exec(target);
  if (absolute === null) return fault(400, 'this form of request target is not served here');
  const [, authority = '', path = ''] = absolute;
  if (!isAuthority(authority)) return fault(400, 'the request target names no valid host');
  // RFC 9112 3.2.4: OPTIONS without a path asks of the server as a whole.
  if (path === '') return { authority, absolute: true, path: method === 'OPTIONS' ? '*' : '/', ...rest };
  return { authority, absolute: true, path: path.startsWith('/') ? path : `/${path}`, ...rest };
}

function look(rawHeaders: readonly string[]): Seen {
  const seen: Seen = { hosts: 0, host: undefined, lengths: 0, length: '', codings: 0, coding: '', expect: undefined, connection: undefined, upgrade: undefined };
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    // Most headers fall through by their length alone.
    switch (name.length) {
      case 4:
      case 6:
      case 7:
      case 10:
      case 14:
      case 17:
        note(seen, name.toLowerCase(), rawHeaders[i + 1] as string);
    }
  }
  return seen;
}

function note(seen: Seen, name: string, value: string): void {
  switch (name) {
    case 'host':
      seen.hosts++;
      seen.host = value;
      break;
    case 'expect':
      seen.expect = seen.expect === undefined ? value : `${seen.expect}, ${value}`;
      break;
    case 'upgrade':
      seen.upgrade = seen.upgrade === undefined ? value : `${seen.upgrade}, ${value}`;
      break;
    case 'connection':
      seen.connection = seen.connection === undefined ? value : `${seen.connection},${value}`;
      break;
    case 'content-length':
      seen.lengths++;
      seen.length = value;
      break;
    case 'transfer-encoding':
      seen.codings++;
      seen.coding = value;
  }
}

function framing(seen: Seen, httpVersion: string): BodyFraming | HeadFault {
  if (seen.codings === 0 && seen.lengths === 0) return NO_BODY;
  if (seen.codings > 0 && seen.lengths > 0) return fault(400, 'both Content-Length and Transfer-Encoding');
  if (seen.codings > 0) {
    if (httpVersion === '1.0') return fault(400, 'Transfer-Encoding in HTTP/1.0');
    if (seen.codings > 1) return fault(400, 'more than one Transfer-Encoding header');
    return seen.coding.toLowerCase() === 'chunked' ? CHUNKED : fault(501, 'Transfer-Encoding other than chunked');
  }
  if (seen.lengths > 1) return fault(400, 'more than one Content-Length header');
  const bytes = Number(seen.length);
  if (!DIGITS.test(seen.length) || !Number.isSafeInteger(bytes)) return fault(400, 'no valid Content-Length');
  return { kind: 'length', bytes };
}

function namesIn(connection: string): readonly string[] {
  const value = connection.toLowerCase();
  if (value === 'keep-alive' || value === 'close') return NO_NAMES;
  return value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'keep-alive' && name !== 'close');
}

function fault(statusCode: HeadFault['statusCode'], text: string): HeadFault {
  return { statusCode, text };
}

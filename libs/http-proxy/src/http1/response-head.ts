/**
 * An upstream's response head: judged once, and as it goes on to the client. Hop-by-hop headers and those that Connection
 * names stay here (RFC 9110 7.6.1); all other lines pass as they came.
 */
import { CHUNKED, UNTIL_CLOSE } from './message-parser.ts';
import { HeadText, type MessageHead } from './message-head.ts';

/** How the body goes on to the client. */
export type BodyOut = 'none' | 'counted' | 'chunked' | 'until-close';

export interface ResponseHead {
  readonly statusCode: number;
  /** O3: the answer says itself that it is a refusal from further on. */
  readonly isRefusal: boolean;
  /** For each header whether it goes on; filled here, read by `responseText`. */
  readonly marks: readonly boolean[];
}

/** `HTTP/1.1 200` */
const STATUS_CHARS = 12;
/** The reason may hold spaces, visible characters and bytes beyond ASCII (RFC 9112 4); the parser takes any byte. */
const NOT_IN_REASON = /[^\t\x20-\x7e\x80-\xff]/;
const DIGITS = /^(?:0|[1-9][0-9]*)$/;

/** Undefined: its framing can be read in two ways, or it is no answer that could be passed on. */
export function readResponseHead(head: MessageHead): ResponseHead | undefined {
  const { statusCode, count } = head;
  if (statusCode > 599 || !isStatusLine(head)) return undefined;
  const marks: boolean[] = [];
  let lengths = 0;
  let codings = 0;
  let connection: string | undefined;
  let isRefusal = false;
  for (let n = 0; n < count; n++) {
    const length = head.nameLength(n);
    let isKept = true;
    if (length === 14 && head.isNamed(n, 'content-length')) {
      // RFC 9110 8.6: a 204 has no Content-Length. One that isn't written plainly is refused rather than written anew.
      if (++lengths > 1 || !isPlainLength(head.value(n))) return undefined;
      isKept = statusCode !== 204;
    } else if (length === 17 && head.isNamed(n, 'transfer-encoding')) {
      if (++codings > 1 || head.value(n).toLowerCase() !== 'chunked') return undefined;
      isKept = false;
    } else if (length === 10 && head.isNamed(n, 'connection')) {
      connection = connection === undefined ? head.value(n) : `${connection},${head.value(n)}`;
      isKept = false;
    } else if (isHopByHop(head, n, length)) {
      isKept = false;
    } else if ((length === 17 || length === 18) && saysRefusal(head, n)) {
      isRefusal = true;
    }
    marks.push(isKept);
  }
  if (codings > 0 && (lengths > 0 || isHttp10(head))) return undefined;
  if (connection !== undefined) dropListed(head, connection, marks);
  return { statusCode, isRefusal, marks };
}

function isHttp10({ text }: MessageHead): boolean {
  return text.startsWith('HTTP/1.0');
}

/** llhttp takes any version, any byte in a reason, and two CRs for the line's end. */
function isStatusLine({ text, lineFrom, lineTo }: MessageHead): boolean {
  if (!text.startsWith('HTTP/1.1 ') && !text.startsWith('HTTP/1.0 ')) return false;
  if (lineTo === 0) return text.startsWith('\r\n', STATUS_CHARS) || text.startsWith(' \r\n', STATUS_CHARS);
  return text.startsWith('\r\n', lineTo) && (text.startsWith('OK\r', lineFrom) || !NOT_IN_REASON.test(text.slice(lineFrom, lineTo)));
}

/** Not Connection, Content-Length and Transfer-Encoding, which are read. Trailer goes on with its trailers. */
function isHopByHop(head: MessageHead, n: number, length: number): boolean {
  switch (length) {
    case 2:
      return head.isNamed(n, 'te');
    case 7:
      return head.isNamed(n, 'upgrade');
    case 10:
      return head.isNamed(n, 'keep-alive');
    case 16:
      return head.isNamed(n, 'proxy-connection');
    case 18:
      return head.isNamed(n, 'proxy-authenticate');
    case 19:
      return head.isNamed(n, 'proxy-authorization');
    default:
      return false;
  }
}

function isPlainLength(value: string): boolean {
  return DIGITS.test(value) && Number.isSafeInteger(Number(value));
}

/** O3 */
function saysRefusal(head: MessageHead, n: number): boolean {
  if (head.isNamed(n, 'x-fuseboard-state')) return head.value(n) === 'open';
  return head.isNamed(n, 'x-envoy-overloaded') && head.value(n) === 'true';
}

function dropListed(head: MessageHead, connection: string, marks: boolean[]): void {
  const value = connection.toLowerCase();
  if (value === 'keep-alive' || value === 'close') return;
  const names = value.split(',').map((name) => name.trim());
  for (let n = 0; n < head.count; n++) if (marks[n] === true && !isFraming(head, n) && names.includes(head.name(n).toLowerCase())) marks[n] = false;
}

/** An upstream that names its length in Connection would take the client's framing away. */
function isFraming(head: MessageHead, n: number): boolean {
  return head.nameLength(n) === 14 && head.isNamed(n, 'content-length');
}

/** How a body that came in this framing goes out, to this client. */
export function bodyOut(body: number, client: { readonly isHttp10: boolean }): BodyOut {
  if (body !== CHUNKED && body !== UNTIL_CLOSE) return body === 0 ? 'none' : 'counted';
  return client.isHttp10 ? 'until-close' : 'chunked';
}

/** In latin1. @param closes the client's connection ends with this answer. */
export function responseText(raw: MessageHead, head: ResponseHead, how: { readonly body: BodyOut; readonly closes: boolean }): string {
  const text = start(raw);
  for (let n = 0; n < raw.count; n++) if (head.marks[n] === true) text.keep(n);
  let tail = `via: 1.${isHttp10(raw) ? 0 : 1} fuseboard\r\n`;
  if (how.body === 'chunked') tail += 'Transfer-Encoding: chunked\r\n';
  tail += how.closes ? 'Connection: close\r\n\r\n' : '\r\n';
  return text.end(tail);
}

/** A head of 1xx, which has no body and ends nothing. */
export function interimText(raw: MessageHead, head: ResponseHead): string {
  const text = start(raw);
  for (let n = 0; n < raw.count; n++) if (head.marks[n] === true && !isFraming(raw, n)) text.keep(n);
  return text.end('\r\n');
}

/** 101: the connection is another protocol's from here on. */
export function switchingText(raw: MessageHead, head: ResponseHead, upgrade: string): string {
  const text = start(raw);
  for (let n = 0; n < raw.count; n++) if (head.marks[n] === true && !isFraming(raw, n)) text.keep(n);
  return text.end(`via: 1.1 fuseboard\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`);
}

function start(raw: MessageHead): HeadText {
  const { text, statusCode, lineFrom, lineTo } = raw;
  if (text.startsWith('HTTP/1.1 ') && lineTo > 0) return new HeadText(raw, { text: '', from: 0, to: lineTo });
  return new HeadText(raw, { text: `HTTP/1.1 ${statusCode} ${text.slice(lineFrom, lineTo)}\r\n`, from: 0, to: 0 });
}

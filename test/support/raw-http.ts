/**
 * HTTP/1.1 read as RFC 9112 has it and not one bit more generously: the other opinion that tests hold a proxy against.
 * Simple and slow on purpose, and no relation of the parser that the proxy uses. Bytes are characters (latin1).
 */

export type Header = readonly [name: string, value: string];

export interface Message {
  /** Request: method, target, version. Response: version, status, reason. */
  readonly line: readonly [string, string, string];
  readonly headers: readonly Header[];
  readonly body: string;
  readonly trailers: readonly Header[];
  /** Where it begins and where the next may. */
  readonly from: number;
  readonly to: number;
}

/** `incomplete`: what is there may be the beginning of a message. `fault`: it is none, whatever comes. */
export type Tail = { readonly kind: 'none' } | { readonly kind: 'incomplete' } | { readonly kind: 'closed' } | { readonly kind: 'fault'; readonly why: string };

export interface Reading {
  readonly messages: readonly Message[];
  /** What stands behind the last of them. */
  readonly tail: Tail;
}

type Framing = { readonly kind: 'none' } | { readonly kind: 'chunked' } | { readonly kind: 'to-end' } | { readonly kind: 'length'; readonly bytes: number };

class Fault extends Error {}
class Incomplete extends Error {}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const HEADER = new RegExp(`^(${TOKEN}):[ \\t]*((?:[\\t\\x20-\\x7e\\x80-\\xff]*[\\x21-\\x7e\\x80-\\xff])?)[ \\t]*$`);
const REQUEST_LINE = /^([A-Z][A-Z-]*) ([\x21-\x7e]+) (HTTP\/1\.[01])$/;
const STATUS_LINE = /^(HTTP\/1\.[01]) ([1-9][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,13})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;

/** All values of a header, in order. */
export function valuesOf(headers: readonly Header[], name: string): string[] {
  return headers.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);
}

/** The members of a header that is a list, in lower case. */
export function membersOf(headers: readonly Header[], name: string): string[] {
  return valuesOf(headers, name)
    .flatMap((value) => value.toLowerCase().split(','))
    .map((member) => member.trim())
    .filter((member) => member !== '');
}

const HOPS = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings', 'proxy-authorization', 'proxy-authenticate'];

/** What of a message's headers goes past a hop, as one line each, but for names that it may write anew. */
export function endToEnd(headers: readonly Header[], rewritten: ReadonlySet<string>): string[] {
  const gone = new Set([...HOPS, ...rewritten, ...membersOf(headers, 'connection')]);
  return headers.filter(([name]) => !gone.has(name.toLowerCase())).map(([name, value]) => `${name}: ${value}`);
}

/** The requests that a connection carries; nothing is read behind one that ends it. */
export function readRequests(bytes: string): Reading {
  return readAll(bytes, {
    line: REQUEST_LINE,
    framing: requestFraming,
    isLast: ({ line, headers }) => {
      const options = membersOf(headers, 'connection');
      return options.includes('close') || (line[2] === 'HTTP/1.0' && !options.includes('keep-alive'));
    },
  });
}

/** The answers that a connection carries to requests of these methods, interim ones beside them. */
export function readResponses(bytes: string, methods: readonly string[], isEnded = true): Reading {
  let answered = 0;
  return readAll(bytes, {
    line: STATUS_LINE,
    framing: (line, headers) => {
      if (isInterim(line[1])) return { kind: 'none' };
      const method = methods[answered++];
      return responseFraming({ status: line[1], headers, method });
    },
    isLast: () => false,
    isEnded,
  });
}

export const isInterim = (status: string): boolean => status.startsWith('1');

interface Rules {
  readonly line: RegExp;
  readonly framing: (line: readonly [string, string, string], headers: readonly Header[]) => Framing;
  readonly isLast: (message: Message) => boolean;
  /** The connection ended behind these bytes. */
  readonly isEnded?: boolean;
}

function readAll(bytes: string, rules: Rules): Reading {
  const messages: Message[] = [];
  let at = 0;
  try {
    for (;;) {
      // RFC 9112 2.2: empty lines before a request are no harm. Nor are halves of them: nobody reads a request in one.
      if (rules.line === REQUEST_LINE) at += /^[\r\n]*\n/.exec(bytes.slice(at))?.[0].length ?? 0;
      if (at === bytes.length) return { messages, tail: { kind: 'none' } };
      const message = readMessage(bytes, at, rules);
      messages.push(message);
      at = message.to;
      if (rules.isLast(message)) return { messages, tail: { kind: 'closed' } };
    }
  } catch (error) {
    if (error instanceof Fault) return { messages, tail: { kind: 'fault', why: error.message } };
    if (error instanceof Incomplete) return { messages, tail: { kind: 'incomplete' } };
    throw error;
  }
}

function readMessage(bytes: string, from: number, rules: Rules): Message {
  const head = section(bytes, from);
  const [first = '', ...rest] = head.lines;
  const line = rules.line.exec(first);
  if (line === null) throw new Fault(`no start line: ${JSON.stringify(first)}`);
  const words = [line[1] ?? '', line[2] ?? '', line[3] ?? ''] as const;
  const headers = rest.map(header);
  const framing = rules.framing(words, headers);
  const message = { line: words, headers, from };
  switch (framing.kind) {
    case 'none':
      return { ...message, body: '', trailers: [], to: head.end };
    case 'to-end':
      if (rules.isEnded !== true) throw new Incomplete();
      return { ...message, body: bytes.slice(head.end), trailers: [], to: bytes.length };
    case 'length': {
      const to = head.end + framing.bytes;
      if (to > bytes.length) throw new Incomplete();
      return { ...message, body: bytes.slice(head.end, to), trailers: [], to };
    }
    case 'chunked':
      return { ...message, ...readChunks(bytes, head.end) };
  }
}

/** Lines up to an empty one. */
function section(bytes: string, from: number): { readonly lines: string[]; readonly end: number } {
  const lines: string[] = [];
  let at = from;
  for (;;) {
    const { text, end } = lineAt(bytes, at);
    if (text === '') return { lines, end };
    lines.push(text);
    at = end;
  }
}

function lineAt(bytes: string, from: number): { readonly text: string; readonly end: number } {
  for (let at = from; at < bytes.length; at++) {
    const character = bytes[at];
    if (character === '\n') throw new Fault('a bare LF');
    if (character === '\0') throw new Fault('a NUL');
    if (character !== '\r') continue;
    if (at + 1 === bytes.length) throw new Incomplete();
    if (bytes[at + 1] !== '\n') throw new Fault('a bare CR');
    return { text: bytes.slice(from, at), end: at + 2 };
  }
  throw new Incomplete();
}

function header(text: string): Header {
  const found = HEADER.exec(text);
  if (found === null) throw new Fault(`no header: ${JSON.stringify(text)}`);
  return [found[1] ?? '', found[2] ?? ''];
}

function readChunks(bytes: string, from: number): { readonly body: string; readonly trailers: readonly Header[]; readonly to: number } {
  let body = '';
  let at = from;
  for (;;) {
    const { text, end } = lineAt(bytes, at);
    const size = CHUNK_SIZE.exec(text)?.[1];
    if (size === undefined) throw new Fault(`no chunk size: ${JSON.stringify(text)}`);
    const length = Number.parseInt(size, 16);
    if (length === 0) {
      const { lines, end: to } = section(bytes, end);
      return { body, trailers: lines.map(header), to };
    }
    const next = end + length;
    if (next + 2 > bytes.length) {
      if (next < bytes.length && bytes[next] !== '\r') throw new Fault('no end of a chunk');
      throw new Incomplete();
    }
    if (bytes.slice(next, next + 2) !== '\r\n') throw new Fault('no end of a chunk');
    body += bytes.slice(end, next);
    at = next + 2;
  }
}

function requestFraming([, , version]: readonly [string, string, string], headers: readonly Header[]): Framing {
  const hosts = valuesOf(headers, 'host');
  if (hosts.length > 1 || (hosts.length === 0 && version === 'HTTP/1.1')) throw new Fault(`${hosts.length} Hosts`);
  const framing = bodyFraming(headers, version === 'HTTP/1.0');
  return framing ?? { kind: 'none' };
}

function responseFraming({ status, headers, method }: { status: string; headers: readonly Header[]; method: string | undefined }): Framing {
  const framing = bodyFraming(headers, false);
  if (method === 'HEAD' || status === '204' || status === '304') return { kind: 'none' };
  return framing ?? { kind: 'to-end' };
}

function bodyFraming(headers: readonly Header[], isOld: boolean): Framing | undefined {
  const lengths = valuesOf(headers, 'content-length');
  const codings = valuesOf(headers, 'transfer-encoding');
  if (lengths.length + codings.length > 1) throw new Fault('more than one framing');
  if (codings.length === 1) {
    if (isOld || codings[0]?.toLowerCase() !== 'chunked') throw new Fault(`Transfer-Encoding ${codings[0]}`);
    return { kind: 'chunked' };
  }
  if (lengths.length === 0) return undefined;
  if (!/^[0-9]+$/.test(lengths[0] ?? '') || !Number.isSafeInteger(Number(lengths[0]))) throw new Fault('no length');
  return { kind: 'length', bytes: Number(lengths[0]) };
}

import { describe, expect, it } from 'vitest';
import type { MessageHead } from './message-head.ts';
import { MessageParser } from './message-parser.ts';
import { readRequestHead, type RequestHead } from './request-head.ts';
import { requestText, type Peer } from './request-text.ts';
import { bodyOut, interimText, readResponseHead, responseText } from './response-head.ts';
import { areTrailers, lastChunk } from './trailers.ts';

const PEER: Peer = { address: '192.0.2.1', proto: 'http', isTrusted: false };
const OWN = ['Via: 1.1 fuseboard', 'X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: http', 'X-Forwarded-Host: h'];

function parsed<T>(type: 'request' | 'response', text: string, use: (raw: MessageHead, body: number) => T): T {
  let result: { readonly of: T } | undefined;
  const sink = {
    onHead: (raw: MessageHead, body: number) => (result = { of: use(raw, body) }),
    onBody: () => undefined,
    onEnd: () => undefined,
    onFault: () => undefined,
  };
  const parser = new MessageParser(type, sink, { headBytesMax: 10_000, headersMax: 100, targetBytesMax: 1_000 });
  parser.read(Buffer.from(text, 'latin1'), 0);
  parser.free();
  if (result === undefined) throw new Error(`no head was read in ${JSON.stringify(text)}`);
  return result.of;
}

/** The lines in which a request goes on. */
function forwarded(lines: readonly string[], words: { start?: string; isLast?: boolean; peer?: Peer } = {}): string[] {
  const { start = 'GET / HTTP/1.1', isLast = false, peer = PEER } = words;
  const text = [start, ...lines, '', ''].join('\r\n');
  const passed = parsed('request', text, (raw) => requestText(raw, readRequestHead(raw) as RequestHead, { peer, defaultHost: 'd:8080', isLast, trace: undefined }));
  expect(passed.endsWith('\r\n\r\n')).toBe(true);
  return passed.slice(0, -4).split('\r\n');
}

describe('a request head that is passed on', () => {
  it('keeps spelling, order and repeats of what is not about this hop', () => {
    const passed = forwarded(['hOsT: h', 'A: 1', 'a: 2', 'Keep-Alive: 3', 'KEEP-ALIVE: 4', 'B:', 'C:3', 'D:\t4']);
    expect(passed).toEqual(['GET / HTTP/1.1', 'hOsT: h', 'A: 1', 'a: 2', 'B: ', 'C: 3', 'D:\t4', ...OWN]);
  });

  it('says Connection: close on the last request of a connection', () => {
    expect(forwarded(['Host: h'], { isLast: true })).toEqual(['GET / HTTP/1.1', 'Host: h', ...OWN, 'Connection: close']);
  });

  it('names a host where the caller (HTTP/1.0) did not', () => {
    expect(forwarded([], { start: 'GET / HTTP/1.0' })).toEqual(['GET / HTTP/1.1', 'Host: d:8080', 'Via: 1.0 fuseboard', ...OWN.slice(1, 3), 'X-Forwarded-Host: d:8080']);
  });

  it.each(['1.1', '1.0'])('with an absolute target, by HTTP/%s, names the host of that', (version) => {
    expect(forwarded(['Host: x', 'A: 1'], { start: `GET http://h/p HTTP/${version}` })).toEqual(['GET /p HTTP/1.1', 'A: 1', 'Host: h', `Via: ${version} fuseboard`, ...OWN.slice(1)]);
  });

  it.each([
    ['content-LENGTH: 007', 'Content-Length: 7'],
    ['transfer-encoding: CHUNKED', 'Transfer-Encoding: chunked'],
  ])('is framed by us, whatever the caller’s spelling: %s', (given, framed) => expect(forwarded(['Host: h', given])).toEqual(['GET / HTTP/1.1', 'Host: h', ...OWN, framed]));

  it('asks for trailers where the caller takes them', () => {
    expect(forwarded(['Host: h', 'TE: gzip, trailers', 'Connection: TE'])).toEqual(['GET / HTTP/1.1', 'Host: h', ...OWN, 'TE: trailers', 'Connection: TE']);
    expect(forwarded(['Host: h', 'TE: gzip', 'Connection: TE'])).toEqual(['GET / HTTP/1.1', 'Host: h', ...OWN]);
  });

  it('passes a wish to upgrade on, but for h2c', () => {
    const wish = (protocol: string) => forwarded(['Host: h', 'Connection: keep-alive, Upgrade', `Upgrade: ${protocol}`]);
    expect(wish('websocket')).toEqual(['GET / HTTP/1.1', 'Host: h', ...OWN, 'Connection: Upgrade', 'Upgrade: websocket']);
    expect(wish('h2c')).toEqual(['GET / HTTP/1.1', 'Host: h', ...OWN]);
  });

  it('believes nobody of whom the caller says that it comes', () => {
    const claims = ['Host: h', 'X-Forwarded-For: 6.6.6.6', 'x-forwarded-proto: https', 'X-Forwarded-Host: evil', 'Forwarded: for=6.6.6.6'];
    expect(forwarded(claims)).toEqual(['GET / HTTP/1.1', 'Host: h', ...OWN]);
  });

  it('adds itself to what a trusted caller says', () => {
    const peer = { ...PEER, isTrusted: true };
    expect(forwarded(['Host: h', 'X-Forwarded-For: 6.6.6.6, 7.7.7.7', 'X-Forwarded-Proto: https', 'Forwarded: for=6.6.6.6'], { peer })).toEqual([
      'GET / HTTP/1.1',
      'Host: h',
      'X-Forwarded-Proto: https',
      'Forwarded: for=6.6.6.6',
      'Via: 1.1 fuseboard',
      'X-Forwarded-For: 6.6.6.6, 7.7.7.7, 192.0.2.1',
      'X-Forwarded-Host: h',
    ]);
  });
});

/** The lines in which an answer goes on to a client of HTTP/1.1; undefined: it is refused. */
function passedOn(lines: readonly string[], status = '200 OK', closes = false): string[] | undefined {
  return parsed('response', [`HTTP/1.1 ${status}`, ...lines, '', ''].join('\r\n'), (raw, body) => {
    const head = readResponseHead(raw);
    return head && responseText(raw, head, { body: bodyOut(body, { isHttp10: false }), closes }).slice(0, -4).split('\r\n');
  });
}

describe('a response head that is passed on', () => {
  it('gets via, and is as it came otherwise', () => {
    expect(passedOn(['Content-Length: 5', 'X: y', 'x: Z'], '200 Fine, thanks')).toEqual(['HTTP/1.1 200 Fine, thanks', 'Content-Length: 5', 'X: y', 'x: Z', 'via: 1.1 fuseboard']);
  });

  it('loses what is about this hop or named by Connection, but never its length', () => {
    const lines = ['Connection: X-A, Content-Length', 'connection: x-b', 'X-A: 1', 'X-B: 2', 'X-C: 3', 'Content-Length: 5', 'TE: x', 'Keep-Alive: timeout=5', 'Upgrade: h2c'];
    expect(passedOn(lines)).toEqual(['HTTP/1.1 200 OK', 'X-C: 3', 'Content-Length: 5', 'via: 1.1 fuseboard']);
  });

  it.each([
    ['in chunks stays in chunks, its trailers announced', ['Transfer-Encoding: chunked', 'Trailer: X-Sum'], '200 OK', ['Trailer: X-Sum', 'via: 1.1 fuseboard', 'Transfer-Encoding: chunked']],
    ['without a length goes out in chunks', ['X: y'], '200 OK', ['X: y', 'via: 1.1 fuseboard', 'Transfer-Encoding: chunked']],
    ['of 204 has no length', ['Content-Length: 0'], '204 No', ['via: 1.1 fuseboard']],
  ])('%s', (...[, lines, status, rest]) => expect(passedOn(lines, status)).toEqual([`HTTP/1.1 ${status}`, ...rest]));

  it('says that the connection ends', () => expect(passedOn(['Content-Length: 0'], '200 OK', true)?.at(-1)).toBe('Connection: close'));

  it('of HTTP/1.0 is ours', () => {
    const text = parsed('response', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', (raw) => responseText(raw, readResponseHead(raw)!, { body: 'counted', closes: false }));
    expect(text).toBe('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nvia: 1.0 fuseboard\r\n\r\n');
  });

  it.each([[['Transfer-Encoding: chunked, chunked']], [['Transfer-Encoding: gzip']], [['Content-Length: 9007199254740993']], [['Content-Length: 007']]])('is refused with %j', (lines) => {
    expect(passedOn(lines)).toBeUndefined();
  });

  it.each([
    ['X-Fuseboard-State: open', true],
    ['x-envoy-overloaded: true', true],
    ['x-fuseboard-state: closed', false],
    ['x-envoy-overloaded: false', false],
  ])('%s says that it is a refusal: %s', (line, isRefusal) => {
    expect(parsed('response', `HTTP/1.1 503 No\r\n${line}\r\nContent-Length: 0\r\n\r\n`, (raw) => readResponseHead(raw)?.isRefusal)).toBe(isRefusal);
  });
});

it('an interim answer goes on without what is of this hop', () => {
  const text = parsed('response', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\nContent-Length: 5\r\n\r\n', (raw) => interimText(raw, readResponseHead(raw)!));
  expect(text).toBe('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
});

describe('trailers', () => {
  it('go on behind the last chunk, but for those that mean something before it', () => {
    expect(lastChunk(['X-Sum', ' 1 ', 'Set-Cookie', 'a=1', 'connection', 'x'])).toBe('0\r\nX-Sum: 1\r\n\r\n');
    expect(lastChunk([])).toBe('0\r\n\r\n');
  });

  it.each(['Content-Length', 'transfer-encoding', 'HOST'])('are none with %s', (name) => expect(areTrailers(['a', 'b', name, '1'])).toBe(false));
});

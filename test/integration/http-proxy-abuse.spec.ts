/**
 * Requests as bytes, and what becomes of them. The rule: what two parsers could read differently is refused, the
 * connection closed, and nothing of it goes on; what is odd but clear is served, written anew.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cleanup, RawClient, route, startDataPlane, startRawUpstream, startUpstream, type DataPlane } from '../support/data-plane.ts';
import { readRequests } from '../support/raw-http.ts';

/** What reached the upstream, byte for byte. */
let reached = '';
const shared = new Cleanup();
const cleanup = new Cleanup();
let plane: DataPlane;

beforeAll(async () => {
  const upstream = await startRawUpstream(shared, (socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      reached += chunk.toString('latin1');
      text += chunk.toString('latin1');
      if (readRequests(text).messages.length === 0) return;
      text = '';
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    socket.on('end', () => socket.end());
  });
  plane = await startDataPlane(shared, [route({ targets: [upstream.target] })]);
});
afterAll(() => shared.run());
afterEach(() => cleanup.run());

const GET = 'GET / HTTP/1.1\r\nHost: api.test\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: api.test\r\n';
const CHUNKS = 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
const headersOf = (count: number): string => Array.from({ length: count }, (_, i) => `X-${i}: 1\r\n`).join('');

type Row = readonly [what: string, bytes: string, status: number];

/** Refused by status; behind each stands a request that must not be read as one. */
const REFUSED: Readonly<Record<string, readonly Row[]>> = {
  'whom it is for': [
    ['two Host headers', `${GET}Host: api.test\r\n\r\n`, 400],
    ['two Host headers that differ in case only', `${GET}HOST: other.test\r\n\r\n`, 400],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400],
    ['a Host with userinfo', 'GET / HTTP/1.1\r\nHost: x@api.test\r\n\r\n', 400],
    ['a Host with a path', 'GET / HTTP/1.1\r\nHost: api.test/x\r\n\r\n', 400],
    ['a Host with userinfo, path and query', 'GET / HTTP/1.1\r\nHost: a@b/c?d\r\n\r\n', 400],
    ['a list of Hosts', 'GET / HTTP/1.1\r\nHost: api.test, other.test\r\n\r\n', 400],
    ['two Hosts in one', 'GET / HTTP/1.1\r\nHost: api.test other.test\r\n\r\n', 400],
    ['a Host that is an address with a fragment', 'GET / HTTP/1.1\r\nHost: 127.0.0.1:80#api.test\r\n\r\n', 400],
    ['a Host that ends in a space of Latin-1', 'GET / HTTP/1.1\r\nHost: api.test\xa0\r\n\r\n', 400],
    ['a target without a slash', 'GET api.test HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['a target with a fragment', 'GET /a#b HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['a target with a space', 'GET /a b HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['a target with a tab', 'GET /a\tb HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['a target with a byte beyond ASCII', 'GET /gr\xfcn HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['a target with a NUL', 'GET /a\0b HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['an absolute target with a fragment', 'GET http://api.test/a#b HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['an absolute target with userinfo', 'GET http://api.test@evil.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['an absolute target without a host', 'GET http:///x HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['an absolute target of another scheme', 'GET ftp://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['* for another method than OPTIONS', 'GET * HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['CONNECT', 'CONNECT api.test:80 HTTP/1.1\r\nHost: api.test\r\n\r\n', 405],
  ],
  'what it is': [
    ['HTTP/0.9', 'GET /\r\n\r\n', 400],
    ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: api.test\r\n\r\n', 400],
    ['HTTP/2.0 in the words of HTTP/1', 'GET / HTTP/2.0\r\nHost: api.test\r\n\r\n', 400],
    ['an unknown method', 'FOO / HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['a method in lower case', 'get / HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['an expectation that is none', `${POST}Content-Length: 0\r\nExpect: y 100-continue\r\n\r\n`, 417],
    ['an expectation of something else', `${POST}Content-Length: 0\r\nExpect: 200-ok\r\n\r\n`, 417],
    ['an upgrade to what is no protocol', `${GET}Connection: Upgrade\r\nUpgrade: a b\r\n\r\n`, 400],
    ['two spaces before its target', 'HEAD  / HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['two spaces behind its target', 'GET /  HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['a CR before its method', '\rHEAD / HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['an upgrade to h2c or something else', `${GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, x\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`, 400],
    ['an upgrade with a body', `${POST}Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello`, 400],
    ['an upgrade with a body in chunks', `${POST}Connection: upgrade\r\nUpgrade: websocket\r\n${CHUNKS}`, 400],
  ],
  'where its body ends': [
    ['length and chunks', `${POST}Content-Length: 5\r\n${CHUNKS}`, 400],
    ['chunks and length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`, 400],
    ['two lengths alike', `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, 400],
    ['two lengths that differ', `${POST}Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello`, 400],
    ['a list of lengths', `${POST}Content-Length: 5, 5\r\n\r\nhello`, 400],
    ['a positive length', `${POST}Content-Length: +5\r\n\r\nhello`, 400],
    ['a negative length', `${POST}Content-Length: -1\r\n\r\n`, 400],
    ['a hexadecimal length', `${POST}Content-Length: 0x5\r\n\r\nhello`, 400],
    ['a length with a space in it', `${POST}Content-Length: 5 5\r\n\r\nhello`, 400],
    ['a length with a fraction', `${POST}Content-Length: 5.0\r\n\r\nhello`, 400],
    ['a length with a space of Latin-1', `${POST}Content-Length: 5\xa0\r\n\r\nhello`, 400],
    ['an empty length', `${POST}Content-Length:\r\n\r\n`, 400],
    ['a length beyond all numbers', `${POST}Content-Length: 99999999999999999999\r\n\r\n`, 400],
    ['a length that no double holds', `${POST}Content-Length: 9007199254740993\r\n\r\n`, 400],
    ['chunks twice', `${POST}Transfer-Encoding: chunked\r\n${CHUNKS}`, 400],
    ['chunks twice in a list', `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 400],
    ['chunks that are not last', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, 400],
    ['chunks under another coding', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
    ['an empty coding before chunks', `${POST}Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n`, 501],
    ['xchunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 501],
    ['identity', `${POST}Transfer-Encoding: identity\r\n\r\n`, 501],
    ['chunks in HTTP/1.0', `POST / HTTP/1.0\r\nHost: api.test\r\n${CHUNKS}`, 400],
    ['a space of Latin-1 behind chunked', `${POST}Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n`, 501],
    ['a vertical tab before chunked', `${POST}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n`, 400],
    ['a folded coding', `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, 400],
    ['Content_Length', `${POST}Content_Length: 5\r\n\r\nhello`, 400],
    ['Transfer_Encoding beside a length', `${POST}Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello`, 400],
  ],
  'how its lines end': [
    ['a folded header', `${GET}X-A: 1\r\n 2\r\n\r\n`, 400],
    ['a first header that begins with a space', 'GET / HTTP/1.1\r\n Host: api.test\r\n\r\n', 400],
    ['a bare LF', 'GET / HTTP/1.1\nHost: api.test\n\n', 400],
    ['a bare LF behind a header', "GET / HTTP/1.1\r\nHost: api.test\nX-A: 1\r\n\r\n", 400],
    ['a bare CR in a value', `${GET}X-A: 1\rX-B: 2\r\n\r\n`, 400],
    ['a bare CR as the end of the head', `${GET}\r\r\n\r\n`, 400],
    ['a NUL in a value', `${GET}X-A: 1\0\r\n\r\n`, 400],
    ['a control byte in a value', `${GET}X-A: 1\x01\r\n\r\n`, 400],
    ['DEL in a value', `${GET}X-A: 1\x7f\r\n\r\n`, 400],
    ['a header without a name', `${GET}: 1\r\n\r\n`, 400],
    ['a header without a colon', `${GET}X-A\r\n\r\n`, 400],
    ['a space within a name', `${GET}X A: 1\r\n\r\n`, 400],
    ['a byte beyond ASCII in a name', `${GET}X-\xfc: 1\r\n\r\n`, 400],
    ['a NUL in a name', `${GET}X-\0: 1\r\n\r\n`, 400],
  ],
  'what it would take away or pretend': [
    ['Connection that names Host', `${GET}Connection: close, Host\r\n\r\n`, 400],
    ['Connection that names the length', `${POST}Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello`, 400],
    ['Connection that names Authorization', `${GET}Connection: authorization\r\nAuthorization: x\r\n\r\n`, 400],
    ['Connection that names Cookie', `${GET}Connection: cookie\r\nCookie: x\r\n\r\n`, 400],
    ['Connection that names what proxies add', `${GET}Connection: X-Forwarded-For\r\n\r\n`, 400],
    ['Connection that names our mark', `${GET}Connection: keep-alive, x-fuseboard-state\r\n\r\n`, 400],
    ['X_Forwarded_For', `${GET}X_Forwarded_For: 10.0.0.1\r\n\r\n`, 400],
    ['X-Forwarded_Host', `${GET}X-Forwarded_Host: a\r\n\r\n`, 400],
    ['x_forwarded_proto', `${GET}x_forwarded_proto: https\r\n\r\n`, 400],
    ['X_Fuseboard_State', `${GET}X_Fuseboard_State: open\r\n\r\n`, 400],
  ],
  'how large it is': [
    ['101 headers', `${GET}${headersOf(100)}\r\n`, 431],
    ['3,000 headers', `${GET}${Array.from({ length: 3_000 }, (_, i) => `X:${i}\r\n`).join('')}\r\n`, 431],
    ['a value of 20,000 bytes', `${GET}X-A: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['a name of 20,000 bytes', `${GET}${'a'.repeat(20_000)}: 1\r\n\r\n`, 431],
    ['headers of 20,000 bytes in all', `${GET}${Array.from({ length: 20 }, (_, i) => `X-${i}: ${'a'.repeat(1_000)}\r\n`).join('')}\r\n`, 431],
    ['a target of 8,193 bytes', `GET /${'a'.repeat(8_192)} HTTP/1.1\r\nHost: api.test\r\n\r\n`, 414],
    ['a target of 20,000 bytes', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: api.test\r\n\r\n`, 414],
  ],
};

describe.each(Object.entries(REFUSED))('a request that is not clear about %s is refused, and nothing of it goes on:', (...[, rows]) => {
  it.each(rows)('%s', async (_, bytes, status) => {
    reached = '';
    const before = plane.calls.length;
    const text = await new RawClient(cleanup, plane.port).send(`${bytes}GET /smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n`).untilClosed();
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(reached).toBe('');
    expect(plane.calls.slice(before)).toEqual([{ answer: 'bad-request', statusCode: status }]);
  });
});

describe('a body in chunks never ends for the upstream, and the client is told, where it has', () => {
  it.each([
    ['a size that is none', 'xyz\r\n', /400/],
    ['a hexadecimal prefix', '0x5\r\nhello\r\n', /400/],
    ['a sign', '+5\r\nhello\r\n', /400/],
    ['a space behind a size', '5 \r\nhello\r\n', /400/],
    ['a size without CR', '5\nhello\r\n', /400/],
    ['an empty size', '\r\n', /400/],
    ['a chunk that ends in something else', '5\r\nhelloXX0\r\n\r\n', /400/],
    ['a chunk that ends in CR and something else', '5\r\nhello\rX0\r\n\r\n', /400/],
    ['a chunk that ends in LF', '5\r\nhello\n0\r\n\r\n', /400/],
    ['a size beyond all numbers', 'ffffffffffffffffff\r\n', /400/],
    ['an extension with a bare LF', '5;a\nb\r\nhello\r\n', /400/],
    ['an extension with a bare CR', '5;a\rb\r\nhello\r\n', /400/],
    ['an extension of 20,000 bytes', `5;${'a'.repeat(20_000)}\r\nhello\r\n`, /413|400|431/],
    ['extensions of 20,000 bytes in all', `1;${'a'.repeat(500)}\r\nx\r\n`.repeat(40), /413|400|431/],
    ['a length in its trailers', '0\r\nContent-Length: 5\r\n\r\n', /400/],
    ['a coding in its trailers', '0\r\nTransfer-Encoding: chunked\r\n\r\n', /400/],
    ['a Host in its trailers', '0\r\nHost: other.test\r\n\r\n', /400/],
    ['a folded trailer', '0\r\nX-A: 1\r\n 2\r\n\r\n', /400/],
    ['a trailer without a colon', '0\r\nX-A\r\n\r\n', /400/],
    ['trailers of 20,000 bytes', `0\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`, /431|413|400/],
    ['101 trailers', `0\r\n${headersOf(101)}\r\n`, /431|413|400/],
  ])('%s', async (_, chunk, status) => {
    let isComplete = false;
    let isClosed = false;
    const upstream = await startUpstream(cleanup, (incoming) => {
      incoming
        .on('error', () => undefined)
        .on('end', () => (isComplete = true))
        .on('close', () => (isClosed = true))
        .resume();
    });
    const own = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const client = new RawClient(cleanup, own.port).send(`${POST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    await expect.poll(() => upstream.requests()).toEqual([1]);
    const text = await client.send(`${chunk}GET /smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n`).untilClosed();
    expect([text.slice(9, 12), client.answers]).toEqual([expect.stringMatching(status), 1]);
    await expect.poll(() => isClosed).toBe(true);
    expect([isComplete, own.outcomes, own.calls.map(({ answer }) => answer), upstream.requests()]).toEqual([false, [], ['bad-request'], [1]]);
  });
});

/** Served, and sent on as these lines and this body, beside what the proxy adds. */
const CLEAR: readonly (readonly [what: string, bytes: string, sent: { readonly line: string; readonly headers?: readonly string[]; readonly body?: string }])[] = [
  ['a length with leading zeros, passed on as one number', `${POST}Content-Length: 0005\r\n\r\nhello`, { line: 'POST / HTTP/1.1', headers: ['Content-Length: 5'], body: 'hello' }],
  ['a length of nothing', `${POST}Content-Length: 0\r\n\r\n`, { line: 'POST / HTTP/1.1', headers: ['Content-Length: 0'] }],
  ['a body on GET', `${GET}Content-Length: 5\r\n\r\nhello`, { line: 'GET / HTTP/1.1', headers: ['Content-Length: 5'], body: 'hello' }],
  ['a body in chunks on GET', `${GET}${CHUNKS}`, { line: 'GET / HTTP/1.1', headers: ['Transfer-Encoding: chunked'], body: 'hello' }],
  ['a body on HEAD', 'HEAD / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 5\r\n\r\nhello', { line: 'HEAD / HTTP/1.1', headers: ['Content-Length: 5'], body: 'hello' }],
  ['a chunk extension, left out', `${POST}Transfer-Encoding: chunked\r\n\r\n5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n`, { line: 'POST / HTTP/1.1', headers: ['Transfer-Encoding: chunked'], body: 'hello' }],
  ['chunked in capitals', `${POST}transfer-encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, { line: 'POST / HTTP/1.1', headers: ['Transfer-Encoding: chunked'], body: 'hello' }],
  ['Connection that names the coding', `${POST}Connection: Transfer-Encoding\r\n${CHUNKS}`, { line: 'POST / HTTP/1.1', headers: ['Transfer-Encoding: chunked'], body: 'hello' }],
  ['an absolute target that differs from Host', 'GET http://api.test/x HTTP/1.1\r\nHost: evil.test\r\n\r\n', { line: 'GET /x HTTP/1.1' }],
  ['an absolute target without a path', 'GET HTTP://api.test?a HTTP/1.1\r\nHost: api.test\r\n\r\n', { line: 'GET /?a HTTP/1.1' }],
  ['a target that looks like a host', 'GET //evil.test/x HTTP/1.1\r\nHost: api.test\r\n\r\n', { line: 'GET //evil.test/x HTTP/1.1' }],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: api.test\r\n\r\n', { line: 'OPTIONS * HTTP/1.1' }],
  ['OPTIONS of a host as a whole', 'OPTIONS http://api.test HTTP/1.1\r\nHost: api.test\r\n\r\n', { line: 'OPTIONS * HTTP/1.1' }],
  ['a target of 8,192 bytes', `GET /${'a'.repeat(8_191)} HTTP/1.1\r\nHost: api.test\r\n\r\n`, { line: `GET /${'a'.repeat(8_191)} HTTP/1.1` }],
  ['100 headers', `${GET}${headersOf(99)}\r\n`, { line: 'GET / HTTP/1.1', headers: headersOf(99).trim().split('\r\n') }],
  ['names that objects have', `${GET}__proto__: 1\r\nconstructor: 2\r\n\r\n`, { line: 'GET / HTTP/1.1', headers: ['__proto__: 1', 'constructor: 2'] }],
  ['an underscore that pretends nothing', `${GET}x_request_id: 1\r\n_: 2\r\n\r\n`, { line: 'GET / HTTP/1.1', headers: ['x_request_id: 1', '_: 2'] }],
  ['bytes beyond ASCII, tabs and nothing as values', `${GET}X-A: \xfc\xff\r\nX-B: 1\t2\r\nX-C:\r\n\r\n`, { line: 'GET / HTTP/1.1', headers: ['X-A: \xfc\xff', 'X-B: 1\t2', 'X-C: '] }],
  ['Upgrade that Connection does not name, left out', `${GET}Upgrade: websocket\r\n\r\n`, { line: 'GET / HTTP/1.1' }],
  ['an upgrade to h2c, left aside', `${GET}${H2C}\r\n`, { line: 'GET / HTTP/1.1' }],
  ['an upgrade to h2c with a body, left aside', `${POST}${H2C}Content-Length: 5\r\n\r\nhello`, { line: 'POST / HTTP/1.1', headers: ['Content-Length: 5'], body: 'hello' }],
  ['an empty line before the request', `\r\n${GET}\r\n`, { line: 'GET / HTTP/1.1' }],
  ['HTTP/1.0 with Host', 'GET / HTTP/1.0\r\nHost: api.test\r\n\r\n', { line: 'GET / HTTP/1.1' }],
  ['an expectation in HTTP/1.0, left out', 'POST / HTTP/1.0\r\nHost: api.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok', { line: 'POST / HTTP/1.1', headers: ['Content-Length: 2'], body: 'ok' }],
];

describe('what is odd but clear is served:', () => {
  it.each(CLEAR)('%s', async (...[, bytes, { line, headers = [], body = '' }]) => {
    reached = '';
    const client = new RawClient(cleanup, plane.port).send(bytes);
    await client.until(/^HTTP\/1\.1 200 /);
    const { messages, tail } = readRequests(reached);
    const sent = messages.map((one) => ({ line: one.line.join(' '), headers: one.headers.map((pair) => pair.join(': ')), body: one.body }));
    const kept = sent[0]?.headers.filter((text) => !/^(?:via|x-forwarded-[a-z]+):/i.test(text));
    expect([sent.map((one) => ({ ...one, headers: kept })), tail.kind]).toEqual([[{ line, headers: ['Host: api.test', ...headers], body }], 'none']);
  });
});

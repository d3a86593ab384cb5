import { describe, expect, it } from 'vitest';
import type { MessageHead } from './message-head.ts';
import { CHUNKED, MessageParser } from './message-parser.ts';
import { isAuthority, readRequestHead } from './request-head.ts';

/** As the parser hands it over. */
function read({ method = 'GET', target = '/', version = '1.1', headers = 'Host: h' }: { method?: string; target?: string; version?: string; headers?: string } = {}) {
  let head: ReturnType<typeof readRequestHead> | undefined;
  const sink = { onHead: (raw: MessageHead) => (head = readRequestHead(raw)), onBody: () => undefined, onEnd: () => undefined, onFault: () => undefined };
  const parser = new MessageParser('request', sink, { headBytesMax: 10_000, headersMax: 100, targetBytesMax: 1_000 });
  parser.read(Buffer.from(`${method} ${target} HTTP/${version}\r\n${headers === '' ? '' : `${headers}\r\n`}\r\n`, 'latin1'), 0);
  parser.free();
  if (head === undefined) throw new Error('no head was read');
  return head;
}

describe('a request head', () => {
  it('without anything odd is its path, its host, and no body', () => {
    expect(read({ target: '/a?b', headers: 'HOST: h:80\r\nAccept: */*' })).toEqual({
      method: 'GET',
      authority: 'h:80',
      isAbsolute: false,
      path: '/a?b',
      body: undefined,
      expectsContinue: false,
      isHttp10: false,
      keepsAlive: true,
      upgrade: undefined,
      takesTrailers: false,
      marks: ['host', 'keep'],
    });
  });

  it.each([
    ['http://h', '/'],
    ['HTTP://h/', '/'],
    ['https://h/', '/'],
    ['http://h?q', '/?q'],
    ['http://h:8080/a//b?c', '/a//b?c'],
  ])('with the absolute target %s asks for %s of the host it names', (target, path) => {
    expect(read({ target, headers: 'Host: other' })).toMatchObject({ isAbsolute: true, path, authority: target.split(/[/?]+/)[1] });
  });

  it.each([
    ['*', '*'],
    ['http://h', '*'],
    ['http://h/', '/'],
  ])('OPTIONS %s asks for %s', (target, path) => expect(read({ method: 'OPTIONS', target })).toMatchObject({ path }));

  it.each([
    ['Content-Length: 12', 12],
    ['content-length: 0', 0],
    ['CONTENT-LENGTH: 007', 7],
    ['Transfer-Encoding: Chunked', CHUNKED],
  ])('with %s has the body %s', (header, body) => expect(read({ headers: `Host: h\r\n${header}` })).toMatchObject({ body }));

  it.each([
    ['Connection: keep-alive', ['host', 'drop', 'keep', 'keep'], true],
    ['Connection: Close', ['host', 'drop', 'keep', 'keep'], false],
    ['Connection: close, X-A ,, te', ['host', 'drop', 'drop', 'keep'], false],
    ['Connection: x-b', ['host', 'drop', 'keep', 'drop'], true],
  ])('with %s drops what it names', (header, marks, keepsAlive) => {
    expect(read({ headers: `Host: h\r\n${header}\r\nX-A: 1\r\nX-B: 2` })).toMatchObject({ marks, keepsAlive });
  });

  it('of HTTP/1.0 may be without a host, its expectation is left aside, and its connection ends', () => {
    expect(read({ version: '1.0', headers: 'Expect: 100-continue' })).toMatchObject({ authority: undefined, expectsContinue: false, keepsAlive: false });
  });

  it.each([
    ['trailers', true],
    ['gzip, trailers', true],
    ['gzip', false],
  ])('with TE: %s takes trailers: %s', (te, takesTrailers) => expect(read({ headers: `Host: h\r\nTE: ${te}` })).toMatchObject({ takesTrailers }));

  it.each([
    ['Upgrade: websocket', 'websocket'],
    ['Upgrade: h2c', 'h2c'],
    ['Upgrade: a/1, b', 'a/1, b'],
  ])('with %s wishes to upgrade to %s', (header, upgrade) => expect(read({ headers: `Host: h\r\nConnection: Upgrade\r\n${header}` })).toMatchObject({ upgrade }));

  it.each(['h2c, websocket', 'websocket, H2C', '', 'a b', 'x"y'])('that wishes to upgrade to "%s" is refused', (upgrade) => {
    expect(read({ headers: `Host: h\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}` })).toMatchObject({ statusCode: 400 });
  });

  it.each(['X_Forwarded_For', 'content_length', 'x_fuseboard_state'])('with the header %s is refused', (name) => {
    expect(read({ headers: `Host: h\r\n${name}: 1` })).toMatchObject({ statusCode: 400 });
  });

  it('may have other names with underscores', () => expect(read({ headers: 'Host: h\r\nX_Mine: 1' })).toMatchObject({ marks: ['host', 'keep'] }));
});

describe('an authority', () => {
  it.each(['h', 'h:1', 'a.b-c_d', '127.0.0.1:80', '[::1]', '[fe80::1]:443'])('%s is one', (text) => expect(isAuthority(text)).toBe(true));
  it.each(['', ' h', 'h ', 'a@h', 'h/', 'h?', 'h#', 'h:', 'h:x', 'h:123456', '::1', '[::1', 'h:1:2', 'a,b c', 'h\\x'])('%j is none', (text) => expect(isAuthority(text)).toBe(false));
});

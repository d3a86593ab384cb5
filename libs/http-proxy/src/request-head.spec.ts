import { describe, expect, it } from 'vitest';
import { isAuthority, readRequestHead } from './request-head.ts';

const read = (words: { method?: string; target?: string; httpVersion?: string; rawHeaders?: string[] }, headersMax = 100) =>
  readRequestHead({ method: 'GET', target: '/', httpVersion: '1.1', rawHeaders: ['Host', 'h'], ...words }, headersMax);

describe('a request head', () => {
  it('without anything odd is its path, its host, and no body', () => {
    expect(read({ target: '/a?b', rawHeaders: ['HOST', 'h:80', 'Accept', '*/*'] })).toEqual({
      authority: 'h:80',
      absolute: false,
      path: '/a?b',
      body: { kind: 'none' },
      expectsContinue: false,
      connectionNames: [],
      endsConnection: false,
    });
  });

  it.each([
    ['http://h', '/'],
    ['HTTP://h/', '/'],
    ['http://h?q', '/?q'],
    ['http://h:8080/a//b?c', '/a//b?c'],
  ])('with the absolute target %s asks for %s of the host it names', (target, path) => {
    expect(read({ target, rawHeaders: ['Host', 'other'] })).toMatchObject({ absolute: true, path, authority: target.split(/[/?]+/)[1] });
  });

  it.each([
    ['*', '*'],
    ['http://h', '*'],
    ['http://h/', '/'],
  ])('OPTIONS %s asks for %s', (target, path) => expect(read({ method: 'OPTIONS', target })).toMatchObject({ path }));

  it.each([
    [['Content-Length', '12'], { kind: 'length', bytes: 12 }],
    [['content-length', '0'], { kind: 'length', bytes: 0 }],
    [['CONTENT-LENGTH', '007'], { kind: 'length', bytes: 7 }],
    [['Transfer-Encoding', 'Chunked'], { kind: 'chunked' }],
  ])('with %j has the body %j', (headers, body) => expect(read({ rawHeaders: ['Host', 'h', ...headers] })).toMatchObject({ body }));

  it.each([
    [['Connection', 'keep-alive'], []],
    [['Connection', 'Close'], []],
    [['Connection', 'close, X-A ,, te'], ['x-a', 'te']],
    [['Connection', 'X-A', 'connection', 'X-B'], ['x-a', 'x-b']],
  ])('with %j has %j named by Connection', (headers, connectionNames) => expect(read({ rawHeaders: ['Host', 'h', ...headers] })).toMatchObject({ connectionNames }));

  it('may have as many headers as allowed, and not one more', () => {
    expect(read({ rawHeaders: ['Host', 'h', 'a', '1'] }, 2)).not.toHaveProperty('statusCode');
    expect(read({ rawHeaders: ['Host', 'h', 'a', '1', 'b', '2'] }, 2)).toEqual({ statusCode: 431, text: 'more than 2 headers' });
  });

  it('of HTTP/1.0 may be without a host, and its expectation is left aside', () => {
    expect(read({ httpVersion: '1.0', rawHeaders: ['Expect', '100-continue'] })).toMatchObject({ authority: undefined, expectsContinue: false });
  });
});

describe('an authority', () => {
  it.each(['h', 'h:1', 'a.b-c_d', '127.0.0.1:80', '[::1]', '[fe80::1]:443'])('%s is one', (text) => expect(isAuthority(text)).toBe(true));
  it.each(['', ' h', 'h ', 'a@h', 'h/', 'h?', 'h#', 'h:', 'h:x', 'h:123456', '::1', '[::1', 'h:1:2', 'a,b c', 'h\\x'])('%j is none', (text) => expect(isAuthority(text)).toBe(false));
});

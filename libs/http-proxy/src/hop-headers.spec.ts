import { describe, expect, it } from 'vitest';
import { passResponseHead, requestHeadText } from './hop-headers.ts';
import { readRequestHead, type RequestHead } from './request-head.ts';

function forwarded(rawHeaders: string[], words: { target?: string; isLast?: boolean; httpVersion?: string } = {}): string[] {
  const head = readRequestHead({ method: 'GET', target: words.target ?? '/', httpVersion: words.httpVersion ?? '1.1', rawHeaders }, 100) as RequestHead;
  return requestHeadText({ method: 'GET', rawHeaders, head, defaultHost: 'd:8080', isLast: words.isLast ?? false }).split('\r\n');
}

describe('a request head that is passed on', () => {
  it('keeps spelling, order and repeats of what is not about this hop', () => {
    expect(forwarded(['hOsT', 'h', 'A', '1', 'a', '2', 'Keep-Alive', '3', 'KEEP-ALIVE', '4', 'B', ''])).toEqual(['GET / HTTP/1.1', 'hOsT: h', 'A: 1', 'a: 2', 'B: ', '', '']);
  });

  it('says Connection: close on the last request of a connection', () => {
    expect(forwarded(['Host', 'h'], { isLast: true })).toEqual(['GET / HTTP/1.1', 'Host: h', 'Connection: close', '', '']);
  });

  it('names a host where the caller (HTTP/1.0) did not', () => {
    expect(forwarded([], { httpVersion: '1.0' })).toEqual(['GET / HTTP/1.1', 'Host: d:8080', '', '']);
  });

  it('names the host of an absolute target, even where Host is missing', () => {
    expect(forwarded(['Host', 'x'], { target: 'http://h/p' })).toEqual(['GET /p HTTP/1.1', 'Host: h', '', '']);
    expect(forwarded([], { target: 'http://h/p', httpVersion: '1.0' })).toEqual(['GET /p HTTP/1.1', 'Host: h', '', '']);
  });

  it('is framed by us, whatever the caller’s spelling', () => {
    expect(forwarded(['Host', 'h', 'content-LENGTH', '007'])).toEqual(['GET / HTTP/1.1', 'Host: h', 'Content-Length: 7', '', '']);
    expect(forwarded(['Host', 'h', 'transfer-encoding', 'CHUNKED'])).toEqual(['GET / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '']);
  });
});

describe('a response head that is passed on', () => {
  it('gets via, and its length last', () => {
    expect(passResponseHead(['Content-Length', '5', 'X', 'y'], 200)).toEqual({
      headers: ['X', 'y', 'via', '1.1 fuseboard', 'Content-Length', '5'],
      contentLength: 5,
      isRefusal: false,
    });
  });

  it('loses what is about this hop or named by Connection, but never its length', () => {
    const raw = ['Connection', 'X-A, Content-Length', 'connection', 'x-b', 'X-A', '1', 'X-B', '2', 'X-C', '3', 'Transfer-Encoding', 'chunked', 'TE', 'x', 'Trailer', 'y'];
    expect(passResponseHead(raw, 200)?.headers).toEqual(['X-C', '3', 'via', '1.1 fuseboard']);
    expect(passResponseHead(['Connection', 'Content-Length', 'Content-Length', '5'], 200)?.contentLength).toBe(5);
  });

  it('has no length with 204', () => expect(passResponseHead(['Content-Length', '0'], 204)?.headers).toEqual(['via', '1.1 fuseboard']));

  it.each([
    [['Content-Length', '5', 'Content-Length', '5']],
    [['Content-Length', '5', 'Transfer-Encoding', 'chunked']],
    [['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked']],
    [['Transfer-Encoding', 'gzip']],
    [['Content-Length', '9007199254740993']],
  ])('is refused with %j', (raw) => expect(passResponseHead(raw, 200)).toBeUndefined());

  it.each([
    [['X-Fuseboard-State', 'open'], true],
    [['x-envoy-overloaded', 'true'], true],
    [['x-fuseboard-state', 'closed'], false],
    [['x-envoy-overloaded', 'false'], false],
  ])('%j says that it is a refusal: %s', (raw, isRefusal) => expect(passResponseHead(raw, 503)?.isRefusal).toBe(isRefusal));
});

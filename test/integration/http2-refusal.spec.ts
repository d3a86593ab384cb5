import { afterEach, describe, expect, it } from 'vitest';
import { call, Cleanup } from '../support/data-plane.ts';
import { FrameClient, FRAME, GET, headersFrame } from '../support/http2-frames.ts';
import { beginCall, http2Call, http2Client, readHttp2, startHttp2Stage, startHttp2Upstream, type Http2Words } from '../support/http2-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const GRPC = ['content-type', 'application/grpc', 'te', 'trailers'];

async function stageWithUpstream(words = {}, options = {}) {
  const seen: string[] = [];
  const upstream = await startHttp2Upstream(cleanup, (stream, headers) => {
    seen.push(String(headers[':path']));
    stream.respond({ ':status': 200 });
    stream.end();
  });
  const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target], ...words }], options);
  return { stage, seen, session: http2Client(cleanup, stage.port) };
}

describe('an HTTP/2 request that is refused', () => {
  const many = Array.from({ length: 101 }, (_, i) => [`h${i}`, 'v']).flat();
  const cases: readonly (readonly [title: string, status: number, answer: string, words: Http2Words])[] = [
    ['an unknown authority', 404, 'not-found', { authority: 'other.test' }],
    ['a target by another port', 404, 'not-found', { authority: '127.0.0.1:22' }],
    ['a host that differs from the authority', 400, 'bad-request', { headers: ['host', 'other.test'] }],
    ['a path with a fragment', 400, 'bad-request', { path: '/#a' }],
    ['more than 100 headers', 431, 'bad-request', { headers: many }],
    ['headers of more than 16 KiB', 431, 'bad-request', { headers: ['a', 'x'.repeat(17_000)] }],
    ['a path of more than 8 KiB', 414, 'bad-request', { path: `/${'x'.repeat(8_192)}` }],
    ['a header that some servers take for another', 400, 'bad-request', { headers: ['x_forwarded_for', '6.6.6.6'] }],
    ['an expectation that nobody knows', 417, 'bad-request', { headers: ['expect', 'more'] }],
  ];
  it.each(cases)('gets %s: %i', async (...[, status, answer, words]) => {
    const { stage, seen, session } = await stageWithUpstream();
    expect(await http2Call(session, words)).toMatchObject({ status, rstCode: 0, headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' } });
    expect(stage.calls).toMatchObject([{ answer, statusCode: status }]);
    expect(seen).toEqual([]);
    expect(stage.outcomes).toEqual([]);
    // The connection goes on.
    expect(await http2Call(session)).toMatchObject({ status: 200 });
  });

  it('gets another scheme than http and https: 400, and CONNECT: 405', async () => {
    const { stage, session } = await stageWithUpstream();
    expect((await readHttp2(session.request([':method', 'GET', ':scheme', 'ftp', ':path', '/', ':authority', 'api.test'], { endStream: true }))).status).toBe(400);
    expect((await readHttp2(session.request([':method', 'CONNECT', ':authority', 'api.test:443']).on('error', () => undefined))).status).toBe(405);
    expect(stage.calls.map(({ statusCode }) => statusCode)).toEqual([400, 405]);
  });

  const malformed: readonly (readonly [title: string, headers: readonly string[]])[] = [
    ['connection', [...GET, 'connection', 'close']],
    ['keep-alive', [...GET, 'keep-alive', 'timeout=5']],
    ['proxy-connection', [...GET, 'proxy-connection', 'close']],
    ['transfer-encoding', [...GET, 'transfer-encoding', 'chunked']],
    ['upgrade', [...GET, 'upgrade', 'websocket']],
    ['te other than trailers', [...GET, 'te', 'gzip']],
    ['an upper-case name', [...GET, 'X-A', '1']],
    ['userinfo in the authority', [...GET.slice(0, -1), 'api.test@other.test']],
    ['two hosts', [...GET, 'host', 'api.test', 'host', 'api.test']],
    ['two authorities', [...GET, ':authority', 'api.test']],
    ['an unknown pseudo-header', [':x', '1', ...GET]],
    ['a pseudo-header after others', ['x-a', '1', ...GET]],
    ['no path', [':method', 'GET', ':scheme', 'http', ':authority', 'api.test']],
    ['two lengths', [...GET, 'content-length', '0', 'content-length', '1']],
    ['a body shorter than its length', [...GET, 'content-length', '1']],
  ];
  it.each(malformed)('is reset for %s, and the upstream sees nothing (RFC 9113 8.2)', async (_title, headers) => {
    const { seen, stage } = await stageWithUpstream();
    const client = new FrameClient(cleanup, stage.port).send(headersFrame(1, headers));
    const reset = await client.until(FRAME.reset, 1);
    expect(reset.payload.readUInt32BE()).toBe(1);
    client.send(headersFrame(3, GET));
    await client.until(FRAME.headers, 3);
    expect(seen).toEqual(['/']);
  });

  it('passes on without a header whose value holds a line end', async () => {
    let names: readonly string[] = [];
    const upstream = await startHttp2Upstream(cleanup, (stream, headers) => {
      names = Object.keys(headers);
      stream.respond({ ':status': 200 }, { endStream: true });
    });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    await new FrameClient(cleanup, stage.port).send(headersFrame(1, [...GET, 'x-a', '1\r\nx-b: 2', 'x-c', '3'])).until(FRAME.headers, 1);
    expect(names.filter((name) => /^x-.$/.test(name))).toEqual(['x-c']);
  });

  it('of a gRPC client is told in gRPC: UNIMPLEMENTED for an unknown host', async () => {
    const { session } = await stageWithUpstream();
    expect(await http2Call(session, { authority: 'other.test', headers: GRPC })).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/grpc', 'grpc-status': '12', 'grpc-message': 'no upstream is known for other.test' },
      trailers: undefined,
    });
  });

  it('of a route that speaks HTTP/1.1 gets 421 and a sentence', async () => {
    const { session, stage } = await stageWithUpstream({ protocol: 'http' });
    expect(await http2Call(session)).toMatchObject({ status: 421, body: 'this upstream is called by HTTP/1.1, and not by HTTP/2\n' });
    expect(stage.outcomes).toEqual([]);
  });
});

describe('an HTTP/1.1 request to a route of HTTP/2', () => {
  it('gets 421 and a sentence', async () => {
    const { stage, seen } = await stageWithUpstream();
    expect(await call(stage.port)).toMatchObject({ status: 421, body: 'this upstream is called by HTTP/2, and not by HTTP/1.1\n' });
    expect(seen).toEqual([]);
  });
});

describe('an open breaker', () => {
  it('gives an HTTP/2 call the degraded answer with the usual marks, without a word to the upstream', async () => {
    const { stage, seen, session } = await stageWithUpstream();
    stage.decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'Coming soon …' }, untilMs: Date.now() + 9_500 };
    const stream = beginCall(session, {}, true);
    stream.write('some of a body');
    const answer = await readHttp2(stream);
    expect(answer).toMatchObject({ status: 409, body: 'Coming soon …', rstCode: 0 });
    expect(answer.headers).toMatchObject({ 'x-fuseboard-state': 'open', 'retry-after': '10', 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8' });
    expect(stage.calls).toEqual([{ answer: 'degraded', statusCode: 409, route: 'test/api', upstream: 'api.test' }]);
    expect(seen).toEqual([]);
    expect(stage.outcomes).toEqual([]);
  });

  it('gives a gRPC call a trailers-only UNAVAILABLE with the content as its message', async () => {
    const { stage, session } = await stageWithUpstream();
    stage.decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'Coming soon …\n100 %' }, untilMs: Date.now() + 9_500 };
    const answer = await http2Call(session, { method: 'POST', headers: GRPC, body: 'x' });
    expect(answer).toMatchObject({ status: 200, body: '', trailers: undefined, rstCode: 0 });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/grpc',
      'grpc-status': '14',
      'grpc-message': 'Coming soon %E2%80%A6%0A100 %25',
      'x-fuseboard-state': 'open',
      'retry-after': '10',
      'cache-control': 'no-store',
    });
    expect(stage.calls).toMatchObject([{ answer: 'degraded', statusCode: 200 }]);
  });
});

describe('a rate limit', () => {
  const http = { amount: 1, periodMs: 60_000, burst: 0, statusCode: 430, headers: ['X-Limit', 'one'] };

  it('answers an HTTP/2 call with its status and headers, and a gRPC call with RESOURCE_EXHAUSTED', async () => {
    const { stage, seen, session } = await stageWithUpstream({ rateLimits: { http, paths: [] } });
    expect((await http2Call(session)).status).toBe(200);
    expect(await http2Call(session)).toMatchObject({ status: 430, headers: { 'x-limit': 'one' } });
    expect(await http2Call(session, { headers: GRPC })).toMatchObject({ status: 200, headers: { 'grpc-status': '8', 'x-limit': 'one' } });
    expect(stage.calls.map(({ answer }) => answer)).toEqual(['upstream', 'rate-limited', 'rate-limited']);
    expect(seen).toHaveLength(1);
    expect(stage.outcomes).toHaveLength(1);
  });
});

import { sensitiveHeaders } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { Cleanup } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { beginCall, http2Call, http2Client, readHttp2, startHttp2Stage, startHttp2Upstream } from '../support/http2-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

describe('an HTTP/2 call through the proxy', () => {
  it('reaches the upstream as it was sent, with via and x-forwarded-*, and its answer comes back unchanged but for via', async () => {
    let seen: readonly string[] = [];
    const upstream = await startHttp2Upstream(cleanup, (stream, _headers, raw) => {
      seen = raw;
      stream.respond([':status', '201', 'x-a', '1', 'date', 'Thu, 01 Jan 1970 00:00:00 GMT', 'x-a', '2', 'set-cookie', 'a=b', 'set-cookie', 'c=d']);
      stream.end('hello');
    });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const answer = await http2Call(http2Client(cleanup, stage.port), {
      path: '/a?b=c',
      headers: ['x-b', '1', 'te', 'trailers', 'x-b', '2', 'cookie', 'a=1', 'cookie', 'b=2', 'x-forwarded-for', '6.6.6.6', 'x-forwarded-proto', 'https', 'proxy-authorization', 'secret'],
    });
    expect(seen.join('\n')).toBe(
      [':method', 'GET', ':scheme', 'http', ':authority', 'api.test', ':path', '/a?b=c', 'x-b', '1', 'x-b', '2', 'cookie', 'a=1', 'cookie', 'b=2', 'te', 'trailers']
        .concat(['x-forwarded-for', '127.0.0.1', 'x-forwarded-proto', 'http', 'x-forwarded-host', 'api.test', 'via', '2 fuseboard'])
        .join('\n'),
    );
    expect(answer.rawHeaders).toEqual([':status', '201', 'x-a', '1', 'date', 'Thu, 01 Jan 1970 00:00:00 GMT', 'x-a', '2', 'set-cookie', 'a=b', 'set-cookie', 'c=d', 'via', '2 fuseboard']);
    expect(answer).toMatchObject({ status: 201, body: 'hello', rstCode: 0 });
    expect(stage.outcomes).toMatchObject([{ result: { kind: 'status', code: 201 }, attempt: 1, target: upstream.target }]);
    expect(stage.calls).toEqual([{ answer: 'upstream', statusCode: 201, route: 'test/api', upstream: 'api.test' }]);
    expect(stage.proxy.stats().callsInFlight).toBe(0);
  });

  it('keeps x-forwarded-* of a trusted peer and adds to it', async () => {
    const upstream = await startHttp2Upstream(cleanup, (stream, headers) => {
      stream.respond({ ':status': 200 });
      stream.end([headers['x-forwarded-for'], headers['x-forwarded-proto'], headers['x-forwarded-host']].join(' '));
    });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }], { trustedNetworks: ['127.0.0.0/8'] });
    const answer = await http2Call(http2Client(cleanup, stage.port), { headers: ['x-forwarded-for', '9.9.9.9', 'x-forwarded-proto', 'https', 'x-forwarded-host', 'shop'] });
    expect(answer.body).toBe('9.9.9.9, 127.0.0.1 https shop');
  });

  it('keeps headers out of compression tables that were kept out before (RFC 7541 7.1.3)', async () => {
    let seen: unknown;
    const upstream = await startHttp2Upstream(cleanup, (stream, headers) => {
      seen = Reflect.get(headers, sensitiveHeaders);
      stream.respond({ ':status': 200, 'x-secret': 'b', [sensitiveHeaders]: ['x-secret'] }, { endStream: true });
    });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const session = http2Client(cleanup, stage.port);
    const answer = await readHttp2(session.request({ ':authority': 'api.test', 'x-secret': 'a', [sensitiveHeaders]: ['x-secret'] }));
    expect(seen).toEqual(['x-secret']);
    expect(Reflect.get(answer.headers, sensitiveHeaders)).toEqual(['x-secret']);
  });

  it('passes bodies, trailers and early hints both ways', async () => {
    const upstream = await startHttp2Upstream(cleanup, (stream) => {
      const chunks: Buffer[] = [];
      let trailers: unknown;
      stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('trailers', (headers) => (trailers = headers));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => stream.end(Buffer.concat(chunks)));
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': ['1', '2'], 'x-got': JSON.stringify(trailers) }));
    });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const session = http2Client(cleanup, stage.port);
    const stream = session.request({ ':method': 'POST', ':path': '/', ':authority': 'api.test' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes' }));
    stream.end('x'.repeat(300_000));
    const answer = await readHttp2(stream);
    expect(answer).toMatchObject({ status: 200, infos: [103], rstCode: 0 });
    expect(answer.body).toHaveLength(300_000);
    expect(answer.trailers).toMatchObject({ 'x-sum': '1, 2', 'x-got': '{"x-end":"yes"}' });
  });

  it('answers HEAD, 204 and 304 without a body', async () => {
    const upstream = await startHttp2Upstream(cleanup, (stream, headers) => {
      stream.respond({ ':status': Number(String(headers[':path']).slice(1)), 'content-length': headers[':method'] === 'HEAD' ? 7 : undefined }, { endStream: true });
    });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const session = http2Client(cleanup, stage.port);
    expect(await http2Call(session, { method: 'HEAD', path: '/200' })).toMatchObject({ status: 200, body: '', rstCode: 0, headers: { 'content-length': '7' } });
    expect(await http2Call(session, { path: '/204' })).toMatchObject({ status: 204, body: '', rstCode: 0 });
    expect(await http2Call(session, { path: '/304' })).toMatchObject({ status: 304, body: '', rstCode: 0 });
  });

  it('asks for the body itself when the client expects to be asked', async () => {
    const upstream = await startHttp2Upstream(cleanup, (stream, headers) => {
      stream.respond({ ':status': 200, 'x-expect': String(headers.expect) });
      stream.pipe(stream);
    });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const stream = beginCall(http2Client(cleanup, stage.port), { headers: ['expect', '100-continue'] }, true);
    stream.on('continue', () => stream.end('body'));
    expect(await readHttp2(stream)).toMatchObject({ status: 200, body: 'body', infos: [100], headers: { 'x-expect': 'undefined' } });
  });

  it('shares one connection among calls, whose chunks pass one by one', async () => {
    const upstream = await startHttp2Upstream(cleanup, (stream) => {
      stream.respond({ ':status': 200 });
      stream.on('data', (chunk: Buffer) => stream.write(chunk)).on('end', () => stream.end());
    });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const session = http2Client(cleanup, stage.port);
    const streams = Array.from({ length: 20 }, () => beginCall(session, {}, true));
    for (const [i, stream] of streams.entries()) {
      let text = '';
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
      stream.write(`a${i}`);
      await eventually(() => (text === `a${i}` ? true : undefined), { what: 'the echo' });
      stream.write(`b${i}`);
      await eventually(() => (text === `a${i}b${i}` ? true : undefined), { what: 'the echo' });
    }
    expect(stage.pool).toMatchObject({ connections: 1, inFlight: 20, pending: 0 });
    for (const stream of streams) stream.end();
    await expect.poll(() => stage.calls.length).toBe(20);
    expect(upstream.accepted()).toBe(1);
    expect(stage.pool.inFlight).toBe(0);
  });

  it('goes on with an answer that comes before the request is whole, and lets the client stop', async () => {
    const upstream = await startHttp2Upstream(cleanup, (stream) => {
      stream.respond({ ':status': 413 });
      stream.end('too much');
    });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const stream = beginCall(http2Client(cleanup, stage.port), {}, true);
    stream.write('x'.repeat(1_000));
    expect(await readHttp2(stream)).toMatchObject({ status: 413, body: 'too much', rstCode: 0 });
    await expect.poll(() => stage.pool.inFlight).toBe(0);
  });

  it('slows the upstream for a slow reader, and the client for a slow upstream', async () => {
    let sent = 0;
    let received = 0;
    const chunk = Buffer.alloc(65_536);
    const upstream = await startHttp2Upstream(cleanup, (stream, headers) => {
      stream.respond({ ':status': 200 });
      if (headers[':path'] === '/take') {
        setTimeout(() => stream.on('data', (data: Buffer) => (received += data.length)).on('end', () => stream.end()), 300);
        return;
      }
      const more = (): void => {
        while (sent < 64 * 1_048_576) {
          sent += chunk.length;
          if (!stream.write(chunk)) return;
        }
        stream.end();
      };
      stream.on('drain', more);
      more();
    });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const session = http2Client(cleanup, stage.port);
    const reader = beginCall(session);
    await new Promise((resolve) => reader.on('response', resolve));
    reader.pause();
    let before = -1;
    await eventually(() => (before === sent ? true : void (before = sent)), { what: 'the upstream to stop', everyMs: 200 });
    expect(sent).toBeLessThan(2_000_000);
    let read = 0;
    reader.on('data', (data: Buffer) => (read += data.length)).resume();
    await new Promise((resolve) => reader.on('close', resolve));
    expect(read).toBe(sent);
    const writer = beginCall(session, { path: '/take' }, true);
    let written = 0;
    while (written < 64 * 1_048_576 && writer.write(chunk)) written += chunk.length;
    await new Promise((resolve) => writer.once('drain', resolve));
    expect(written).toBeLessThan(2_000_000);
    writer.end();
    writer.resume();
    await new Promise((resolve) => writer.on('close', resolve));
    expect(received).toBeGreaterThanOrEqual(written);
  });
});

import { once } from 'node:events';
import { createServer as createHttp1Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { ServerHttp2Stream } from 'node:http2';
import type { UpstreamError } from '#http-proxy';
import { Cleanup, freePort, startRawUpstream } from '../support/data-plane.ts';
import { beginCall, http2Call, http2Client, readHttp2, startHttp2Stage, startHttp2Upstream, type StreamListener } from '../support/http2-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const GRPC = ['content-type', 'application/grpc', 'te', 'trailers'];
const QUICK = { timeouts: { responseHeadMs: 150, idleMs: 150, clientBodyMs: 150 } };

async function broken(listener: StreamListener, options = {}, words = {}) {
  const upstream = await startHttp2Upstream(cleanup, listener);
  const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target], ...words }], options);
  return { stage, upstream, session: http2Client(cleanup, stage.port) };
}

async function becomes(target: string, error: UpstreamError, limits = {}): Promise<void> {
  const stage = await startHttp2Stage(cleanup, [{ targets: [target], limits }]);
  const session = http2Client(cleanup, stage.port);
  const status = error === 'connect-timeout' ? 504 : 502;
  const failure = error === 'connect-timeout' ? 'timeout' : error;
  expect(await http2Call(session)).toMatchObject({ status, headers: { 'x-fuseboard-error': error } });
  expect(await http2Call(session, { headers: GRPC })).toMatchObject({ status: 200, headers: { 'grpc-status': '14', 'x-fuseboard-error': error } });
  expect(stage.outcomes).toMatchObject([
    { result: { kind: 'failure', failure }, target },
    { result: { kind: 'failure', failure }, target },
  ]);
  expect(stage.calls.map(({ answer }) => answer)).toEqual([error, error]);
  await expect.poll(() => stage.pool.connections).toBe(0);
}

describe('an upstream that can not be reached by HTTP/2', () => {
  it('refuses the connection: 502 refused, UNAVAILABLE', async () => {
    await becomes(`127.0.0.1:${await freePort()}`, 'refused');
  });

  it('speaks HTTP/1.1 only: 502 bad-response', async () => {
    const server = createHttp1Server((_request, response) => response.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanup.add(() => server.close().closeAllConnections());
    await becomes(`127.0.0.1:${(server.address() as AddressInfo).port}`, 'bad-response');
  });

  it('takes the connection and says nothing: 504 connect-timeout', async () => {
    const upstream = await startRawUpstream(cleanup, () => undefined);
    await becomes(upstream.target, 'connect-timeout', { connectTimeoutMs: 100 });
  });

  it('closes at once: 502 reset', async () => {
    const upstream = await startRawUpstream(cleanup, (socket) => socket.end());
    await becomes(upstream.target, 'reset');
  });

  it('has no address: 502 dns', async () => {
    await becomes('nowhere.invalid:80', 'dns');
  });
});

describe('an upstream that breaks', () => {
  it('before its head: 502 reset, and the connection stays for others', async () => {
    const { stage, upstream, session } = await broken((stream, headers) => {
      if (headers[':path'] === '/break') stream.close(2);
      else stream.respond({ ':status': 200 }, { endStream: true });
    });
    expect(await http2Call(session, { path: '/break' })).toMatchObject({ status: 502, headers: { 'x-fuseboard-error': 'reset' } });
    expect(await http2Call(session)).toMatchObject({ status: 200 });
    expect(upstream.accepted()).toBe(1);
    expect(stage.outcomes.map(({ result }) => result)).toEqual([{ kind: 'failure', failure: 'reset' }, { kind: 'status', code: 200 }]);
  });

  it('with its whole connection: 502 reset for each call on it, and the next call gets a new one', async () => {
    const { stage, upstream, session } = await broken((stream, headers) => {
      if (headers[':path'] === '/break') stream.session?.destroy();
      else if (headers[':path'] === '/') stream.respond({ ':status': 200 }, { endStream: true });
    });
    const waiting = readHttp2(beginCall(session, { path: '/wait' }));
    expect(await http2Call(session, { path: '/break' })).toMatchObject({ status: 502 });
    expect(await waiting).toMatchObject({ status: 502, headers: { 'x-fuseboard-error': 'reset' } });
    expect(await http2Call(session)).toMatchObject({ status: 200 });
    expect(upstream.accepted()).toBe(2);
    expect(stage.pool.inFlight).toBe(0);
  });

  it('after its head: the answer is broken off, and its status counts', async () => {
    const { stage, session } = await broken((stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.write('some', () => stream.close(2));
    });
    const answer = await http2Call(session);
    expect(answer).toMatchObject({ status: 200, rstCode: 2 });
    expect(stage.outcomes).toMatchObject([{ result: { kind: 'status', code: 200 } }]);
    expect(stage.calls).toMatchObject([{ answer: 'reset', statusCode: 200 }]);
  });

  it('in order, but short of its length: broken off too', async () => {
    const { session } = await broken((stream) => {
      stream.respond({ ':status': 200, 'content-length': 10 });
      stream.write('some', () => stream.close(0));
    });
    expect((await http2Call(session)).rstCode).toBe(2);
  });

  it('with too long a head: 502 bad-response', async () => {
    const { session } = await broken((stream) => stream.respond({ ':status': 200, a: 'x'.repeat(1_000) }, { endStream: true }), { bounds: { responseHeadBytesMax: 900 } });
    expect(await http2Call(session)).toMatchObject({ status: 502, headers: { 'x-fuseboard-error': 'bad-response' } });
  });

  it('by not answering: 504 response-timeout, DEADLINE_EXCEEDED; it is told to stop, and a session where nothing moved is replaced', async () => {
    let aborted = 0;
    const { stage, upstream, session } = await broken((stream) => stream.on('aborted', () => aborted++), QUICK);
    expect(await http2Call(session)).toMatchObject({ status: 504, headers: { 'x-fuseboard-error': 'response-timeout' } });
    expect(await http2Call(session, { headers: GRPC })).toMatchObject({ headers: { 'grpc-status': '4', 'x-fuseboard-error': 'response-timeout' } });
    expect(stage.outcomes.map(({ result }) => result.kind === 'failure' && result.failure)).toEqual(['timeout', 'timeout']);
    await expect.poll(() => aborted).toBe(2);
    await http2Call(session);
    expect(upstream.accepted()).toBe(2);
  });

  it('by stopping in the middle: broken off as idle-timeout', async () => {
    const { stage, session } = await broken((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('some');
    }, QUICK);
    expect(await http2Call(session)).toMatchObject({ status: 200, body: 'some', rstCode: 2 });
    expect(stage.calls).toMatchObject([{ answer: 'idle-timeout', statusCode: 200 }]);
  });

  it('by saying itself that it is a refusal: passed on, no outcome (O3)', async () => {
    const { stage, session } = await broken((stream) => stream.respond({ ':status': 503, 'x-envoy-overloaded': 'true' }, { endStream: true }));
    expect((await http2Call(session)).status).toBe(503);
    expect(stage.outcomes).toEqual([]);
  });
});

describe('an upstream that goes away in order', () => {
  it('ends its calls, gets no more, and the next call has a new connection', async () => {
    const held: ServerHttp2Stream[] = [];
    const { stage, upstream, session } = await broken((stream) => held.push(stream));
    const first = readHttp2(beginCall(session));
    await expect.poll(() => held.length).toBe(1);
    upstream.goAway();
    await expect.poll(() => stage.pool.connections).toBe(1);
    const second = readHttp2(beginCall(session));
    await expect.poll(() => upstream.accepted()).toBe(2);
    await expect.poll(() => held.length).toBe(2);
    for (const stream of held) {
      stream.respond({ ':status': 200 });
      stream.end('ok');
    }
    expect(await Promise.all([first, second])).toMatchObject([{ status: 200, body: 'ok' }, { status: 200, body: 'ok' }]);
    await expect.poll(() => upstream.open()).toBe(1);
  });
});

describe('a client that goes away', () => {
  it('frees the upstream at once, and is no outcome', async () => {
    const held: ServerHttp2Stream[] = [];
    const codes: (number | undefined)[] = [];
    const { stage, session } = await broken((stream) => {
      held.push(stream);
      stream.on('close', () => codes.push(stream.rstCode));
      if (held.length > 1) stream.respond({ ':status': 200 });
    });
    const stream = beginCall(session);
    await expect.poll(() => held.length).toBe(1);
    stream.close(8);
    await expect.poll(() => codes).toEqual([8]);
    const other = beginCall(session);
    await once(other, 'response');
    session.destroy();
    await expect.poll(() => codes).toEqual([8, 8]);
    await expect.poll(() => stage.calls).toMatchObject([{ answer: 'client-abort', statusCode: 0 }, { answer: 'client-abort', statusCode: 200 }]);
    expect(stage.outcomes).toMatchObject([{ result: { kind: 'status', code: 200 } }]);
    expect(stage.pool).toMatchObject({ inFlight: 0, connections: 1 });
  });

  it.each([[[]], [GRPC]])('in the middle of its request is never taken for one that is whole %s', async (headers) => {
    const ends: string[] = [];
    const { session } = await broken((stream) => stream.on('aborted', () => ends.push('aborted')).on('end', () => ends.push(stream.aborted ? '' : 'whole')).resume());
    const stream = session.request([':method', 'POST', ':path', '/', ':authority', 'api.test', ...headers], { waitForTrailers: true, endStream: false });
    stream.on('error', () => undefined).write('half');
    await new Promise((resolve) => setTimeout(resolve, 50));
    stream.close(8);
    await expect.poll(() => ends.length).toBeGreaterThan(0);
    expect(ends).not.toContain('whole');
  });

  it('while it waits leaves its place', async () => {
    const upstream = await startRawUpstream(cleanup, () => undefined);
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const stream = beginCall(http2Client(cleanup, stage.port));
    await expect.poll(() => stage.pool.inFlight).toBe(1);
    stream.close(8);
    await expect.poll(() => stage.pool.inFlight).toBe(0);
    expect(stage.outcomes).toEqual([]);
  });

  it('in the middle of its request gets 408 after clientBodyMs, and no outcome is told', async () => {
    const { stage, session } = await broken((stream) => stream.resume(), QUICK);
    const stream = beginCall(session, {}, true);
    stream.write('some');
    expect(await readHttp2(stream)).toMatchObject({ status: 408, rstCode: 0 });
    expect(stage.outcomes).toEqual([]);
    await expect.poll(() => stage.pool.inFlight).toBe(0);
  });

  it('without a word, its answer unread, is reset after a while', async () => {
    const { stage, session } = await broken((stream) => {
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(4_000_000));
    }, QUICK);
    const stream = beginCall(session);
    await once(stream, 'response');
    stream.pause();
    await expect.poll(() => stage.calls, { timeout: 5_000 }).toMatchObject([{ answer: 'client-abort', statusCode: 200 }]);
    await expect.poll(() => stage.pool.inFlight).toBe(0);
  });
});

describe('a retry', () => {
  it('goes to another target where one refuses connections, for any method, each try an outcome', async () => {
    const upstream = await startHttp2Upstream(cleanup, (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const gone = `127.0.0.1:${await freePort()}`;
    const stage = await startHttp2Stage(cleanup, [{ targets: [gone, upstream.target], retries: { attempts: 2, on: ['refused'] } }]);
    const session = http2Client(cleanup, stage.port);
    for (let i = 0; i < 4; i++) expect(await http2Call(session, { method: 'POST', body: 'x' })).toMatchObject({ status: 200, body: 'x' });
    const tries = stage.outcomes.map(({ attempt, result, target }) => `${attempt} ${result.kind} ${target === gone ? 'gone' : 'here'}`);
    expect(tries.filter((text) => text === '1 failure gone').length).toBeGreaterThan(0);
    expect(tries.filter((text) => text.endsWith('status here'))).toHaveLength(4);
    expect(stage.calls.map(({ answer }) => answer)).toEqual(Array(4).fill('upstream'));
  });

  it('follows a stream that the upstream refused or a status, where nothing was done or doing it twice is no harm', async () => {
    let seen = 0;
    const { stage, session } = await broken(
      (stream, headers) => {
        seen++;
        if (seen % 2 === 0) stream.respond({ ':status': 200 }, { endStream: true });
        else if (headers[':path'] === '/refuse') stream.close(7);
        else stream.respond({ ':status': 503 }, { endStream: true });
      },
      {},
      { retries: { attempts: 1, on: ['refused', 503] } },
    );
    expect((await http2Call(session, { path: '/refuse' })).status).toBe(200);
    expect((await http2Call(session)).status).toBe(200);
    expect(stage.outcomes.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 2]);
    // Not one that isn't the same twice.
    expect((await http2Call(session, { method: 'POST' })).status).toBe(503);
    expect(seen).toBe(5);
  });

  it('over maxRetries is refused as an overflow', async () => {
    const { session } = await broken((stream) => stream.close(7), {}, { retries: { attempts: 1, on: ['refused'] }, limits: { maxRetries: 0 } });
    expect(await http2Call(session)).toMatchObject({ status: 503, headers: { 'x-envoy-overloaded': 'true' } });
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import type { ServerHttp2Stream } from 'node:http2';
import { Cleanup } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { FrameClient, FRAME, GET, headersFrame, resetFrame } from '../support/http2-frames.ts';
import { beginCall, http2Call, http2Client, readHttp2, startHttp2Stage, startHttp2Upstream } from '../support/http2-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Answers when it is told to. */
async function heldUpstream(options = {}) {
  const held: ServerHttp2Stream[] = [];
  let reset = 0;
  const upstream = await startHttp2Upstream(
    cleanup,
    (stream) => {
      held.push(stream);
      stream.on('aborted', () => reset++);
    },
    options,
  );
  const answerAll = (): void => {
    for (const stream of held.splice(0)) {
      if (stream.closed) continue;
      stream.respond({ ':status': 200 });
      stream.end('ok');
    }
  };
  return { upstream, held, answerAll, reset: () => reset };
}

describe('limits of an HTTP/2 route', () => {
  it('let maxRequests streams go on and refuse the others with x-envoy-overloaded', async () => {
    const { upstream, held, answerAll } = await heldUpstream();
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target], limits: { maxRequests: 3 } }]);
    const session = http2Client(cleanup, stage.port);
    const answers = Array.from({ length: 5 }, () => readHttp2(beginCall(session)));
    await expect.poll(() => held.length).toBe(3);
    await expect.poll(() => stage.calls.length).toBe(2);
    expect(stage.pool).toMatchObject({ connections: 1, inFlight: 3, pending: 0 });
    answerAll();
    const statuses = (await Promise.all(answers)).map(({ status, headers }) => `${status} ${String(headers['x-envoy-overloaded'])}`);
    expect(statuses.toSorted()).toEqual(['200 undefined', '200 undefined', '200 undefined', '503 true', '503 true']);
    expect(stage.calls.map(({ answer }) => answer)).toEqual(['overflow-requests', 'overflow-requests', 'upstream', 'upstream', 'upstream']);
    expect(stage.outcomes).toHaveLength(3);
  });

  it('make a call wait for a stream that the upstream allows, maxPendingRequests of them', async () => {
    const { upstream, held, answerAll } = await heldUpstream({ settings: { maxConcurrentStreams: 2 } });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target], limits: { maxConnections: 1, maxPendingRequests: 1 } }]);
    const session = http2Client(cleanup, stage.port);
    const first = [readHttp2(beginCall(session)), readHttp2(beginCall(session))];
    await expect.poll(() => held.length).toBe(2);
    const waiting = readHttp2(beginCall(session));
    await expect.poll(() => stage.pool.pending).toBe(1);
    expect(await http2Call(session, { headers: ['content-type', 'application/grpc'] })).toMatchObject({ status: 200, headers: { 'grpc-status': '14', 'x-envoy-overloaded': 'true' } });
    expect(held).toHaveLength(2);
    answerAll();
    await Promise.all(first);
    await expect.poll(() => held.length).toBe(1);
    answerAll();
    expect((await waiting).status).toBe(200);
    expect(upstream.accepted()).toBe(1);
  });

  it('are kept while a connection is being opened: more than the upstream takes wait on, none is lost', async () => {
    const { upstream, held, answerAll } = await heldUpstream({ settings: { maxConcurrentStreams: 2 } });
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target], limits: { maxConnections: 2 } }]);
    const session = http2Client(cleanup, stage.port);
    const answers = Array.from({ length: 9 }, () => readHttp2(beginCall(session)));
    await expect.poll(() => held.length).toBe(4);
    expect(stage.pool).toMatchObject({ connections: 2, inFlight: 4, pending: 5 });
    const pump = setInterval(answerAll, 5);
    cleanup.add(() => clearInterval(pump));
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(9).fill(200));
    expect(upstream.mostOpen()).toBe(2);
  });

  it('open one connection for each call where maxRequestsPerConnection is 1, and never more than maxConnections', async () => {
    const { upstream, answerAll } = await heldUpstream();
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target], limits: { maxConnections: 1, maxRequestsPerConnection: 1 } }]);
    const session = http2Client(cleanup, stage.port);
    const pump = setInterval(answerAll, 2);
    cleanup.add(() => clearInterval(pump));
    const answers = await Promise.all(Array.from({ length: 8 }, () => http2Call(session)));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(upstream.accepted()).toBe(8);
    expect(upstream.mostOpen()).toBe(1);
  });

  it('take turns over the targets', async () => {
    const upstreams = [await heldUpstream(), await heldUpstream()];
    const stage = await startHttp2Stage(cleanup, [{ targets: upstreams.map(({ upstream }) => upstream.target) }]);
    const session = http2Client(cleanup, stage.port);
    for (let i = 0; i < 6; i++) beginCall(session);
    await expect.poll(() => upstreams.map(({ held }) => held.length)).toEqual([3, 3]);
    expect(upstreams.map(({ upstream }) => upstream.accepted())).toEqual([1, 1]);
  });

  it('none allowed refuses at once', async () => {
    const { upstream } = await heldUpstream();
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target], limits: { maxConnections: 0 } }]);
    expect((await http2Call(http2Client(cleanup, stage.port))).status).toBe(503);
    expect(stage.calls).toMatchObject([{ answer: 'overflow-connections' }]);
    expect(upstream.accepted()).toBe(0);
  });
});

describe('an HTTP/2 client', () => {
  it('is told how many streams it may open, and more are refused', async () => {
    const { upstream, held } = await heldUpstream();
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }], { bounds: { streamsMax: 3 } });
    const client = new FrameClient(cleanup, stage.port);
    const { payload } = await client.until(FRAME.settings);
    const settings = new Map(Array.from({ length: payload.length / 6 }, (_, i) => [payload.readUInt16BE(i * 6), payload.readUInt32BE(i * 6 + 2)]));
    expect(settings.get(3)).toBe(3);
    client.send(...[1, 3, 5, 7, 9].map((id) => headersFrame(id, GET)));
    expect((await client.until(FRAME.reset, 7)).payload.readUInt32BE()).toBe(7);
    expect((await client.until(FRAME.reset, 9)).payload.readUInt32BE()).toBe(7);
    await expect.poll(() => held.length).toBe(3);
  });

  it('that resets its streams in the packet they came in reaches no upstream, and is cut off before long', async () => {
    const { upstream, held } = await heldUpstream();
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const client = new FrameClient(cleanup, stage.port);
    const attack = Array.from({ length: 1_050 }, (_, i) => [headersFrame(1 + 2 * i, GET), resetFrame(1 + 2 * i)]).flat();
    client.send(...attack);
    await client.untilClosed();
    expect(held).toHaveLength(0);
    expect(stage.outcomes).toHaveLength(0);
    await expect.poll(() => stage.proxy.stats().http2Floods).toBe(1);
    await expect.poll(() => stage.proxy.stats().callsInFlight).toBe(0);
  });

  it('that resets them a moment later reaches it with no more than the burst, and each is aborted there', async () => {
    const { upstream, held, reset } = await heldUpstream();
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const client = new FrameClient(cleanup, stage.port);
    for (let id = 1; id < 1_000 && !client.isClosed; id += 2) {
      client.send(headersFrame(id, GET));
      await new Promise((resolve) => setImmediate(resolve));
      client.send(resetFrame(id));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.untilClosed();
    expect(held.length).toBeLessThan(250);
    await expect.poll(() => reset()).toBe(held.length);
    expect(stage.outcomes).toHaveLength(0);
    expect(stage.pool.inFlight).toBe(0);
  });

  it('is let go when it had no stream for clientKeepAliveMs, and when no SETTINGS came in clientHeadMs', async () => {
    const { upstream, answerAll } = await heldUpstream();
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }], { timeouts: { clientKeepAliveMs: 150, clientHeadMs: 100, closeMs: 50 } });
    const pump = setInterval(answerAll, 5);
    cleanup.add(() => clearInterval(pump));
    const session = http2Client(cleanup, stage.port);
    expect((await http2Call(session)).status).toBe(200);
    let goaway: number | undefined;
    session.on('goaway', (code: number) => (goaway = code));
    await expect.poll(() => session.destroyed, { timeout: 5_000 }).toBe(true);
    expect(goaway).toBe(0);
    const mute = new FrameClient(cleanup, stage.port);
    mute.socket.removeAllListeners('data').pause();
    await expect.poll(() => stage.proxy.stats().clientConnections).toBeGreaterThan(0);
    await expect.poll(() => stage.proxy.stats().clientConnections, { timeout: 5_000 }).toBe(0);
  });

  it('is moved on after requestsPerConnectionMax calls, in order', async () => {
    const { upstream, answerAll } = await heldUpstream();
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }], { bounds: { requestsPerConnectionMax: 2 } });
    const pump = setInterval(answerAll, 5);
    cleanup.add(() => clearInterval(pump));
    const session = http2Client(cleanup, stage.port);
    expect((await Promise.all([http2Call(session), http2Call(session)])).map(({ status }) => status)).toEqual([200, 200]);
    await expect.poll(() => session.destroyed).toBe(true);
    expect(session.destroyed).toBe(true);
  });

  it('gets its answers when the proxy stops, a GOAWAY, and then the end', async () => {
    const { upstream, held, answerAll } = await heldUpstream();
    const stage = await startHttp2Stage(cleanup, [{ targets: [upstream.target] }]);
    const session = http2Client(cleanup, stage.port);
    const idle = http2Client(cleanup, stage.port);
    await eventually(() => (stage.proxy.stats().clientConnections === 2 ? true : undefined), { what: 'two sessions' });
    const answer = readHttp2(beginCall(session));
    await expect.poll(() => held.length).toBe(1);
    const closed = stage.proxy.close({ graceMs: 10_000 });
    await expect.poll(() => idle.destroyed).toBe(true);
    answerAll();
    expect(await answer).toMatchObject({ status: 200, body: 'ok', rstCode: 0 });
    expect(await closed).toBe(0);
    expect(stage.pool.connections).toBe(0);
    expect(upstream.open()).toBe(0);
  });
});

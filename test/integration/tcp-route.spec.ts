import { afterEach, describe, expect, it } from 'vitest';
import { call, Cleanup, freePort, route, startDataPlane, startRawUpstream, type DataPlane, type RouteWords } from '../support/data-plane.ts';
import { Peer } from '../support/peer.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const GREETING = '220 ready';

interface TcpPlane {
  readonly plane: DataPlane;
  readonly target: string;
  readonly words: RouteWords;
  /** Of the route's own listener. */
  readonly port: number;
}

async function startTcpPlane(): Promise<TcpPlane> {
  const { target } = await startRawUpstream(cleanup, (socket) => socket.on('end', () => socket.end()).resume().write(GREETING));
  const words: RouteWords = { protocol: 'tcp', listen: `127.0.0.1:${await freePort()}`, targets: [target] };
  const plane = await startDataPlane(cleanup, [route(words)]);
  return { plane, target, words, port: Number(plane.proxy.addressOf('test/api')?.split(':')[1]) };
}

async function greeted(port: number): Promise<Peer> {
  return Peer.connect(cleanup, port).reads(GREETING);
}

describe('a route of protocol tcp', () => {
  it('is served on its own listener, and counts like any other call', async () => {
    const { plane, port } = await startTcpPlane();
    const client = await greeted(port);
    expect(plane.proxy.stats()).toEqual({ routes: [{ route: 'test/api', upstream: 'api.test', connections: 1, inFlight: 1, pending: 0 }], clientConnections: 1, callsInFlight: 1, http2Floods: 0 });
    client.socket.end();
    await client.ends();
    await expect.poll(() => plane.calls).toEqual([{ answer: 'upstream', statusCode: 0, route: 'test/api', upstream: 'api.test' }]);
    await expect.poll(() => plane.proxy.stats()).toEqual({ routes: [{ route: 'test/api', upstream: 'api.test', connections: 0, inFlight: 0, pending: 0 }], clientConnections: 0, callsInFlight: 0, http2Floods: 0 });
    expect(plane.outcomes).toMatchObject([{ result: { kind: 'ok' }, upstream: 'api.test' }]);
  });

  it('is not found by a Host', async () => {
    const { plane } = await startTcpPlane();
    expect((await call(plane.port)).status).toBe(404);
  });

  it('closes at once while its breaker is open', async () => {
    const { plane, port } = await startTcpPlane();
    plane.decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'Coming soon ...' } };
    expect((await Peer.connect(cleanup, port).ends()).text).toBe('');
    expect(plane.calls).toEqual([{ answer: 'degraded', statusCode: 0, route: 'test/api', upstream: 'api.test' }]);
  });

  it('keeps its connections through a change, and through its end', async () => {
    const { plane, words, port } = await startTcpPlane();
    const client = await greeted(port);
    expect(await plane.proxy.configure([route({ ...words, limits: { maxConnections: 1 } })])).toEqual([]);
    expect((await Peer.connect(cleanup, port).ends()).text).toBe('');
    expect(await plane.proxy.configure([])).toEqual([]);
    await Peer.connect(cleanup, port).until('a refusal', ({ code }) => code === 'ECONNREFUSED');
    expect([client.hasEnded, client.isClosed]).toEqual([false, false]);
    client.socket.end();
    await client.ends();
    await expect.poll(() => plane.calls.map(({ answer }) => answer)).toEqual(['overflow-connections', 'upstream']);
  });

  it('becomes one of HTTP on the same address, and back', async () => {
    const { plane, words, port } = await startTcpPlane();
    expect(await plane.proxy.configure([route({ ...words, protocol: 'http' })])).toEqual([]);
    expect((await call(port)).status).toBe(502);
    expect(await plane.proxy.configure([route(words)])).toEqual([]);
    expect((await greeted(port)).hasEnded).toBe(false);
  });
});

describe('a stop', () => {
  it('waits for the connections of its clients', async () => {
    const { plane, port } = await startTcpPlane();
    const client = await greeted(port);
    const closed = plane.proxy.close({ graceMs: 20_000 });
    client.socket.end();
    expect(await closed).toBe(0);
  });

  it('cuts off those that are left, and counts them', async () => {
    const { plane, port } = await startTcpPlane();
    const clients = [await greeted(port), await greeted(port)];
    expect(await plane.proxy.close({ graceMs: 30 })).toBe(2);
    for (const client of clients) await client.isReset();
    expect(plane.calls.map(({ answer }) => answer)).toEqual(['client-abort', 'client-abort']);
  });
});

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { call, Cleanup, RawClient, route, startDataPlane, type DataPlane, type RouteWords } from '../support/data-plane.ts';
import { Peer } from '../support/peer.ts';
import { agreement, openWebSocket, startEchoingUpstream, startHeadReader, UPGRADE_REQUEST, type HeadReader } from '../support/web-socket.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const results = (plane: DataPlane) => plane.outcomes.map(({ result }) => (result.kind === 'status' ? result.code : result.kind === 'failure' ? result.failure : result.kind));
const answers = (plane: DataPlane) => plane.calls.map(({ answer, statusCode }) => `${answer} ${statusCode}`);

interface Switched {
  readonly plane: DataPlane;
  readonly client: Peer;
  readonly upstream: Peer;
  readonly reader: HeadReader;
}

/** A client and an upstream that have agreed; both have nothing in `text` yet. */
async function switched(words: RouteWords = {}): Promise<Switched> {
  const reader = await startHeadReader(cleanup, ({ socket }) => socket.write(agreement()));
  const plane = await startDataPlane(cleanup, [route({ targets: [reader.target], ...words })]);
  const client = Peer.connect(cleanup, plane.port);
  client.socket.write(UPGRADE_REQUEST);
  await client.until('a 101', ({ text }) => text.includes('\r\n\r\n'));
  client.text = client.text.slice(client.text.indexOf('\r\n\r\n') + 4);
  return { plane, client, upstream: reader.peers[0] as Peer, reader };
}

describe('a WebSocket', () => {
  it('opens, says messages of any size both ways, and closes in order', async () => {
    const { target, heads } = await startEchoingUpstream(cleanup);
    const plane = await startDataPlane(cleanup, [route({ targets: [target] })]);
    const webSocket = await openWebSocket(cleanup, plane.port);
    for (const message of ['hello', 'x'.repeat(70_000), new Uint8Array(2 * 1_048_576).fill(7)]) {
      webSocket.send(message);
      const [{ data }] = (await once(webSocket, 'message')) as [{ data: string | ArrayBuffer }];
      expect(typeof data === 'string' ? data === message : Buffer.from(data).equals(message as Uint8Array)).toBe(true);
    }
    webSocket.close(1_000, 'done');
    const [close] = (await once(webSocket, 'close')) as [{ code: number; wasClean: boolean }];
    expect([close.code, close.wasClean]).toEqual([1_000, true]);
    expect(heads[0]).toMatch(/^GET \/chat HTTP\/1\.1\r\n/);
    await expect.poll(() => [results(plane), answers(plane)]).toEqual([[101], ['upstream 101']]);
  });

  it('reaches the upstream as a wish to upgrade, and its agreement comes back', async () => {
    const { plane, reader } = await switched();
    expect(reader.heads[0]).toMatch(/^connection: *upgrade\r$/im);
    expect(reader.heads[0]).toMatch(/^upgrade: *websocket\r$/im);
    expect(reader.heads[0]).toMatch(/^sec-websocket-key: *dGhlIHNhbXBsZSBub25jZQ==\r$/im);
    const client = new RawClient(cleanup, plane.port).send(UPGRADE_REQUEST);
    await client.until(/\r\n\r\n/);
    expect(client.text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(client.text).toMatch(/^connection: *upgrade\r$/im);
    expect(client.text).toMatch(/^upgrade: *websocket\r$/im);
    expect(client.text).toMatch(/^sec-websocket-accept: *s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r$/im);
  });

  it('is an outcome at the 101, and a call in flight until it ends', async () => {
    const { plane, client, upstream } = await switched();
    expect([results(plane), answers(plane), plane.proxy.stats().callsInFlight]).toEqual([[101], [], 1]);
    client.socket.end();
    await upstream.ends();
    upstream.socket.end();
    await expect.poll(() => [results(plane), answers(plane), plane.proxy.stats().callsInFlight]).toEqual([[101], ['upstream 101'], 0]);
  });

  it('holds one connection slot', async () => {
    const { plane, client } = await switched({ limits: { maxConnections: 1, maxPendingRequests: 0 } });
    expect(await call(plane.port)).toMatchObject({ status: 503, headers: { 'x-envoy-overloaded': 'true' } });
    expect(plane.proxy.stats().routes[0]?.connections).toBe(1);
    client.socket.resetAndDestroy();
    await expect.poll(() => plane.proxy.stats().routes[0]?.connections).toBe(0);
  });

  it('gets the degraded answer while the breaker is open', async () => {
    const { plane, reader } = await switched();
    plane.decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'Coming soon ...' } };
    const client = new RawClient(cleanup, plane.port).send(UPGRADE_REQUEST);
    await client.until(/^HTTP\/1\.1 409 [^]*Coming soon \.\.\.$/);
    expect(reader.heads).toHaveLength(1);
  });
});

describe('once switched', () => {
  it('bytes that came with the 101 come first, then bytes both ways', async () => {
    const { target, peers } = await startHeadReader(cleanup, ({ socket }) => socket.write(`${agreement()}first`));
    const plane = await startDataPlane(cleanup, [route({ targets: [target] })]);
    const client = new RawClient(cleanup, plane.port).send(UPGRADE_REQUEST);
    await client.until(/\r\n\r\nfirst$/);
    client.send('second');
    await peers[0]?.reads('second');
    peers[0]?.socket.write(', third');
    await client.until(/\r\n\r\nfirst, third$/);
    expect(client.isClosed).toBe(false);
  });

  it('the upstream still sends after the end of the client', async () => {
    const { client, upstream } = await switched();
    client.socket.end('all of it');
    await upstream.reads('all of it');
    await upstream.ends();
    upstream.socket.end('and back');
    await client.reads('and back');
    expect((await client.ends()).code).toBe(undefined);
  });

  it('the client still sends after the end of the upstream', async () => {
    const { client, upstream } = await switched();
    upstream.socket.end('all of it');
    await client.reads('all of it');
    await client.ends();
    client.socket.end('and back');
    await upstream.reads('and back');
    expect((await upstream.ends()).code).toBe(undefined);
  });

  it("the upstream's reset resets the client, and changes no outcome", async () => {
    const { plane, client, upstream } = await switched();
    upstream.socket.resetAndDestroy();
    await client.isReset();
    await expect.poll(() => [results(plane), answers(plane)]).toEqual([[101], ['reset 101']]);
  });

  it("the client's reset resets the upstream", async () => {
    const { plane, client, upstream } = await switched();
    client.socket.resetAndDestroy();
    await upstream.isReset();
    await expect.poll(() => [results(plane), answers(plane)]).toEqual([[101], ['client-abort 101']]);
  });

  it('a stop waits for it', async () => {
    const { plane, client, upstream } = await switched();
    let cutOff: number | undefined;
    const closed = plane.proxy.close({ graceMs: 20_000 }).then((calls) => (cutOff = calls));
    await sleep(400);
    client.socket.write('still here');
    await upstream.reads('still here');
    expect(cutOff).toBe(undefined);
    client.socket.end();
    upstream.socket.end();
    expect(await closed).toBe(0);
  });

  it('a stop that has waited enough cuts it off, and counts it', async () => {
    const { plane, client, upstream } = await switched();
    expect(await plane.proxy.close({ graceMs: 50 })).toBe(1);
    await client.until('the end', ({ isClosed, hasEnded }) => isClosed || hasEnded);
    await upstream.until('the end', ({ isClosed, hasEnded }) => isClosed || hasEnded);
  });
});

describe('no switch', () => {
  it("is made where the upstream doesn't agree: its own answer comes", async () => {
    const { target } = await startHeadReader(cleanup, ({ socket }) => socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nX-Why: you\r\n\r\nno!'));
    const plane = await startDataPlane(cleanup, [route({ targets: [target] })]);
    const client = new RawClient(cleanup, plane.port).send(UPGRADE_REQUEST);
    await client.until(/^HTTP\/1\.1 403 Forbidden\r\n[^]*X-Why: you\r\n[^]*\r\n\r\nno!$/i);
    await expect.poll(() => [results(plane), answers(plane)]).toEqual([[403], ['upstream 403']]);
  });

  it.each([
    ['to another protocol than was asked for', UPGRADE_REQUEST, 'Upgrade: irc\r\nConnection: Upgrade\r\n'],
    ['unasked', 'GET / HTTP/1.1\r\nHost: api.test\r\n\r\n', 'Upgrade: websocket\r\nConnection: Upgrade\r\n'],
    ['without a word to what', UPGRADE_REQUEST, ''],
  ])('is believed %s: 502 bad-response', async (_, request, fields) => {
    const { target, peers } = await startHeadReader(cleanup, ({ socket }) => socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\nsecret`));
    const plane = await startDataPlane(cleanup, [route({ targets: [target] })]);
    const client = new RawClient(cleanup, plane.port).send(request);
    await client.until(/^HTTP\/1\.1 502 [^]*x-fuseboard-error: bad-response\r\n/);
    expect(client.text).not.toContain('secret');
    expect(results(plane)).toEqual(['bad-response']);
    await peers[0]?.until('the end', ({ isClosed, hasEnded }) => isClosed || hasEnded);
  });

  it.each([
    ['a length', 'Content-Length: 5\r\n', 'hello'],
    ['chunks', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
  ])('is asked for with a body of %s: 400, and nothing of it reaches the upstream', async (_, field, body) => {
    const { target, peers } = await startEchoingUpstream(cleanup);
    const plane = await startDataPlane(cleanup, [route({ targets: [target] })]);
    const client = new RawClient(cleanup, plane.port).send(`${UPGRADE_REQUEST.slice(0, -2)}${field}\r\n${body}`);
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 400 /);
    expect([peers, results(plane), answers(plane)]).toEqual([[], [], ['bad-request 400']]);
  });

  it.each([
    ['HTTP/1.0', UPGRADE_REQUEST.replace('HTTP/1.1', 'HTTP/1.0')],
    ['an Upgrade that Connection does not name', UPGRADE_REQUEST.replace('Connection: Upgrade\r\n', '')],
  ])('is asked for by %s', async (_, request) => {
    const { target, heads } = await startHeadReader(cleanup, ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    const plane = await startDataPlane(cleanup, [route({ targets: [target] })]);
    await new RawClient(cleanup, plane.port).send(request).until(/^HTTP\/1\.1 200 OK\r\n[^]*ok$/);
    expect(heads[0]).not.toMatch(/^upgrade:/im);
  });

  it('is used before it is made: bytes behind the request wait for the 101', async () => {
    let early: string | undefined;
    const { target, peers } = await startHeadReader(cleanup, (peer) => {
      setTimeout(() => {
        early = peer.text;
        peer.socket.write(agreement());
      }, 100);
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [target] })]);
    const client = new RawClient(cleanup, plane.port).send(`${UPGRADE_REQUEST}GET /other HTTP/1.1\r\nHost: api.test\r\n\r\n`);
    await client.until(/^HTTP\/1\.1 101 /);
    expect([early, peers.length, client.answers]).toEqual(['', 1, 0]);
  });
});

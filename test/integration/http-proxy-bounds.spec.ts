/** Every bound and time-out that the proxy sets for clients (options.ts): what is below it is served, what is beyond is not. */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { call, Cleanup, RawClient, route, startDataPlane, startRawUpstream, startUpstream, type DataPlane, type Upstream } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import type { HttpProxyOptions } from '#http-proxy';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const GET = 'GET / HTTP/1.1\r\nHost: api.test\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: api.test\r\n';
const answers = (plane: DataPlane) => plane.calls.map(({ answer, statusCode }) => `${answer} ${statusCode}`);

async function bounded(options: Partial<HttpProxyOptions>): Promise<{ readonly plane: DataPlane; readonly upstream: Upstream; readonly open: () => RawClient }> {
  const upstream = await startUpstream(cleanup, (incoming, response) => {
    incoming.resume().on('end', () => response.end('ok'));
  });
  const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], options);
  return { plane, upstream, open: () => new RawClient(cleanup, plane.port) };
}

describe('a request', () => {
  /** A head of so many bytes, from its first line to the end of its last value. */
  const headOf = (bytes: number): string => {
    const start = `${GET}X-A: `;
    return `${start}${'a'.repeat(bytes - start.length)}\r\n\r\n`;
  };

  it('of requestHeadBytesMax bytes is served, one of some more gets 431', async () => {
    const { open } = await bounded({ bounds: { requestHeadBytesMax: 1_000 } });
    await open().send(headOf(990)).until(/^HTTP\/1\.1 200 /);
    expect(await open().send(headOf(1_010)).untilClosed()).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('whose head never ends gets 431 as soon as it is too large', async () => {
    const { open, plane } = await bounded({});
    const client = open().send(GET);
    const drip = setInterval(() => client.socket.writable && client.send(`X-A: ${'a'.repeat(1_000)}\r\n`), 1);
    cleanup.add(() => clearInterval(drip));
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 431 /);
    expect(answers(plane)).toEqual(['bad-request 431']);
  });

  it('with a target of targetBytesMax bytes is served, one of a byte more gets 414', async () => {
    const { open } = await bounded({ bounds: { targetBytesMax: 100 } });
    const target = (bytes: number): string => `GET /${'a'.repeat(bytes - 1)} HTTP/1.1\r\nHost: api.test\r\n\r\n`;
    await open().send(target(100)).until(/^HTTP\/1\.1 200 /);
    expect(await open().send(target(101)).untilClosed()).toMatch(/^HTTP\/1\.1 414 /);
  });

  it('with a target that never ends gets 414', async () => {
    const { open } = await bounded({});
    const client = open().send('GET /');
    const drip = setInterval(() => client.socket.writable && client.send('a'.repeat(500)), 1);
    cleanup.add(() => clearInterval(drip));
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 414 /);
  });

  it('with requestHeadersMax headers is served, one with one more gets 431', async () => {
    const { open } = await bounded({ bounds: { requestHeadersMax: 5 } });
    const lines = (count: number): string => `${GET}${'X-A: 1\r\n'.repeat(count - 1)}\r\n`;
    await open().send(lines(5)).until(/^HTTP\/1\.1 200 /);
    expect(await open().send(lines(6)).untilClosed()).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('that is refused may leave drainBytesMax of its body behind; with more the connection ends', async () => {
    const { open, plane } = await bounded({ bounds: { drainBytesMax: 100 } });
    plane.decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'later' } };
    const client = open().send(`${POST}Content-Length: 100\r\n\r\n${'x'.repeat(100)}${POST}Content-Length: 101\r\n\r\n`);
    expect((await client.untilClosed()).match(/HTTP\/1\.1 \d+|connection: close/g)).toEqual(['HTTP/1.1 409', 'HTTP/1.1 409', 'connection: close']);
  });
});

describe('a connection', () => {
  it('beyond clientConnectionsMax is closed at once; one that leaves makes room', async () => {
    const { open, plane } = await bounded({ bounds: { clientConnectionsMax: 3 } });
    const clients = Array.from({ length: 3 }, () => open().send(`${GET}\r\n`));
    for (const client of clients) await client.until(/^HTTP\/1\.1 200 /);
    expect(await open().send(`${GET}\r\n`).untilClosed()).toBe('');
    expect(plane.proxy.stats().clientConnections).toBe(3);
    clients[0]?.socket.destroy();
    await expect.poll(() => plane.proxy.stats().clientConnections).toBe(2);
    await open().send(`${GET}\r\n`).until(/^HTTP\/1\.1 200 /);
  });

  it('beyond clientConnectionsMax on the listeners of all routes together is closed too', async () => {
    const upstream = await startUpstream(cleanup, (_, response) => response.end('ok'));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], listen: '127.0.0.1:0' })], { bounds: { clientConnectionsMax: 2 } });
    const own = Number(plane.proxy.addressOf('test/api')?.split(':')[1]);
    for (const port of [plane.port, own]) await new RawClient(cleanup, port).send(`${GET}\r\n`).until(/^HTTP\/1\.1 200 /);
    for (const port of [plane.port, own]) expect(await new RawClient(cleanup, port).send(`${GET}\r\n`).untilClosed()).toBe('');
  });

  it('beyond connectionsPerClientMax is closed at once, others have their places', async () => {
    const { open, plane } = await bounded({ bounds: { connectionsPerClientMax: 2 } });
    const clients = [open().send(`${GET}\r\n`), open().send(`${GET}\r\n`)];
    for (const client of clients) await client.until(/^HTTP\/1\.1 200 /);
    expect(await open().send(`${GET}\r\n`).untilClosed()).toBe('');
    const other = connect({ host: '127.0.0.1', port: plane.port, localAddress: '127.0.0.2' });
    cleanup.add(() => other.destroy());
    other.write(`${GET}\r\n`);
    expect(String((await once(other, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
    clients[0]?.socket.destroy();
    await expect.poll(() => plane.proxy.stats().clientConnections).toBe(2);
    await open().send(`${GET}\r\n`).until(/^HTTP\/1\.1 200 /);
  });

  it('is closed in order with the answer to its request number requestsPerConnectionMax', async () => {
    const { open, upstream } = await bounded({ bounds: { requestsPerConnectionMax: 3 } });
    const text = await open().send(`${GET}\r\n`.repeat(5)).untilClosed();
    expect(text.match(/HTTP\/1\.1 200|Connection: close/gi)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 200', 'Connection: close']);
    expect(upstream.requests()).toEqual([3]);
  });
});

describe('a client', () => {
  it.each([
    ['that sends no byte is closed after clientHeadMs, without an answer that nobody asked for', '', /^$/, []],
    ['that sends half a head gets 408 after clientHeadMs', 'GET / HTTP/1.1\r\nHost: api', /^HTTP\/1\.1 408 [^]*connection: close/, ['bad-request 408']],
    ['that sends half a line gets 408 after clientHeadMs', 'G', /^HTTP\/1\.1 408 /, ['bad-request 408']],
  ])('%s', async (...[, bytes, said, counted]) => {
    const { open, plane } = await bounded({ timeouts: { clientHeadMs: 200 } });
    const client = open();
    if (bytes !== '') client.send(bytes);
    expect(await client.untilClosed()).toMatch(said);
    expect(answers(plane)).toEqual(counted);
  });

  it.each([
    ['first head', ''],
    ['second head', `${GET}\r\n`],
  ])('that drips its %s byte by byte has clientHeadMs for all of it, and others are served meanwhile', async (_, before) => {
    const { open, plane } = await bounded({ timeouts: { clientHeadMs: 300 } });
    const client = open().send(`${before}GET /`);
    const drip = setInterval(() => client.socket.writable && client.send('a'), 20);
    cleanup.add(() => clearInterval(drip));
    expect((await call(plane.port)).status).toBe(200);
    expect(await client.untilClosed()).toMatch(/HTTP\/1\.1 408 [^]*connection: close/);
  });

  it('that sends nothing but ends of lines has clientHeadMs for them', async () => {
    const { open } = await bounded({ timeouts: { clientHeadMs: 200 } });
    const client = open();
    const drip = setInterval(() => client.socket.writable && client.send('\r\n'), 20);
    cleanup.add(() => clearInterval(drip));
    expect(await client.untilClosed()).toMatch(/^$|^HTTP\/1\.1 408 /);
  });

  it('that sends no byte of its body for clientBodyMs gets 408, and its upstream is let go and not blamed', async () => {
    const { open, plane, upstream } = await bounded({ timeouts: { clientBodyMs: 150 } });
    const client = open().send(`${POST}Content-Length: 10\r\n\r\nabc`);
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 408 /);
    expect([answers(plane), plane.outcomes]).toEqual([['bad-request 408'], []]);
    await expect.poll(() => upstream.open()).toBe(0);
  });

  it('that sends its body slowly is served, however long that takes', async () => {
    const { open } = await bounded({ timeouts: { clientBodyMs: 1_000 } });
    const client = open().send(`${POST}Content-Length: 50\r\n\r\n`);
    for (let i = 0; i < 50; i++) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      client.send('x');
    }
    expect((await client.until(/^HTTP\/1\.1 \d+/))[0]).toBe('HTTP/1.1 200');
  });

  it('that asks for nothing for clientKeepAliveMs is closed without a word, one that asks in time is not', async () => {
    const { open } = await bounded({ timeouts: { clientKeepAliveMs: 1_000, clientHeadMs: 10_000 } });
    const client = open();
    for (let count = 1; count <= 4; count++) {
      client.send(`${GET}\r\n`);
      await eventually(() => client.answers === count || undefined, { what: `answer ${count}`, everyMs: 5 });
      await new Promise((resolve) => setTimeout(resolve, 350));
    }
    const text = await client.untilClosed();
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(Array.from({ length: 4 }, () => 'HTTP/1.1 200'));
  });

  it('that goes on sending after it was refused is read for a moment, then cut off', async () => {
    const { open } = await bounded({});
    const client = open().send('GARBAGE\r\n\r\n');
    const flood = setInterval(() => client.socket.writable && client.send('x'.repeat(1_000)), 5);
    cleanup.add(() => clearInterval(flood));
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('a client that does not read', () => {
  const big = { kind: 'refuse', degraded: { statusCode: 409, content: 'x'.repeat(200_000) } } as const;

  it('its own answers from the proxy is closed after idleMs, long before all are written', async () => {
    const { open, plane } = await bounded({ timeouts: { idleMs: 150 } });
    plane.decision = big;
    const client = open().send(`${GET}\r\n`.repeat(150));
    client.socket.pause();
    await expect.poll(() => plane.calls.length).toBeGreaterThan(0);
    await expect.poll(() => plane.proxy.stats().clientConnections, { timeout: 10_000 }).toBe(0);
    expect(plane.calls.length).toBeLessThan(150);
  });

  it('is closed after idleMs while its answer streams, and its upstream is let go and not blamed', async () => {
    const upstream = await startUpstream(cleanup, (_, response) => response.end(Buffer.alloc(50_000_000)));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { timeouts: { idleMs: 150 } });
    const client = new RawClient(cleanup, plane.port).send(`${GET}\r\n`);
    client.socket.pause();
    await expect.poll(() => upstream.open()).toBe(1);
    await expect.poll(() => plane.proxy.stats().clientConnections, { timeout: 10_000 }).toBe(0);
    expect([answers(plane), plane.outcomes.map(({ result }) => result)]).toEqual([['client-abort 200'], [{ kind: 'status', code: 200 }]]);
    await expect.poll(() => upstream.open()).toBe(0);
  });

  it('as fast as it could, but reads, is served to the end', async () => {
    const { open, plane } = await bounded({ timeouts: { idleMs: 1_000 } });
    plane.decision = big;
    const client = open().send(`${GET}\r\n`.repeat(50));
    const timer = setInterval(() => (client.socket.isPaused() ? client.socket.resume() : client.socket.pause()), 20);
    cleanup.add(() => clearInterval(timer));
    await eventually(() => client.answers === 50 || undefined, { what: '50 answers', everyMs: 50 });
    expect(client.isClosed).toBe(false);
  });
});

describe('an upstream connection', () => {
  it('that idles for upstreamKeepAliveMs, and whose upstream says nothing of it, is closed; the next call gets a new one', async () => {
    let connections = 0;
    const upstream = await startRawUpstream(cleanup, (socket) => {
      connections++;
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
      socket.on('end', () => socket.end());
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { timeouts: { upstreamKeepAliveMs: 300 } });
    for (let i = 0; i < 3; i++) await call(plane.port);
    expect([connections, upstream.open()]).toEqual([1, 1]);
    await expect.poll(() => upstream.open()).toBe(0);
    expect([(await call(plane.port)).status, connections]).toEqual([200, 2]);
  });
});

it('sockets of clients that come and go leave nothing behind', async () => {
  const { plane } = await bounded({});
  const sockets: Socket[] = [];
  for (let i = 0; i < 300; i++) {
    const socket = connect({ host: '127.0.0.1', port: plane.port }).on('error', () => undefined);
    sockets.push(socket);
    if (i % 3 === 0) socket.write(`${GET}\r\n`);
    if (i % 3 === 1) socket.write('GET / HT');
    if (i % 2 === 0) setImmediate(() => socket.resetAndDestroy());
  }
  for (const socket of sockets) socket.end();
  await expect.poll(() => plane.proxy.stats(), { timeout: 10_000 }).toMatchObject({ clientConnections: 0, callsInFlight: 0, routes: [{ inFlight: 0, pending: 0 }] });
  for (const socket of sockets) socket.destroy();
});

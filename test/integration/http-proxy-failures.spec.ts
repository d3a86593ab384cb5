import { once } from 'node:events';
import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call, Cleanup, freePort, RawClient, route, startDataPlane, startRawUpstream, startUpstream, type DataPlane } from '../support/data-plane.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Behaves so once the request's head is there. */
async function misbehaving(behave: (socket: Socket) => void) {
  const upstream = await startRawUpstream(cleanup, (socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      const before = text.includes('\r\n\r\n');
      text += chunk.toString('latin1');
      if (!before && text.includes('\r\n\r\n')) behave(socket);
    });
    socket.on('end', () => socket.end());
  });
  return upstream;
}

const results = (plane: DataPlane) => plane.outcomes.map(({ result }) => (result.kind === 'status' ? result.code : result.kind === 'failure' ? result.failure : result.kind));
const answers = (plane: DataPlane) => plane.calls.map(({ answer, statusCode }) => `${answer} ${statusCode}`);

describe('a call whose upstream', () => {
  it('refuses the connection gets 502 refused, and is one outcome', async () => {
    const plane = await startDataPlane(cleanup, [route({ targets: [`127.0.0.1:${await freePort()}`] })]);
    expect(await call(plane.port)).toMatchObject({ status: 502, headers: { 'x-fuseboard-error': 'refused', 'cache-control': 'no-store' } });
    expect([results(plane), answers(plane)]).toEqual([['refused'], ['refused 502']]);
  });

  it('has a name that nobody knows gets 502 dns', async () => {
    const plane = await startDataPlane(cleanup, [route({ targets: ['no-such-host.invalid:80'] })]);
    expect(await call(plane.port)).toMatchObject({ status: 502, headers: { 'x-fuseboard-error': 'dns' } });
    expect([results(plane), answers(plane)]).toEqual([['dns'], ['dns 502']]);
  });

  it('takes no connection gets 504 connect-timeout', async () => {
    // 192.0.2.0/24 leads nowhere; where a machine says so at once, that is a refusal.
    const plane = await startDataPlane(cleanup, [route({ targets: ['192.0.2.1:80'], limits: { connectTimeoutMs: 60 } })]);
    const { status, headers } = await call(plane.port);
    expect([
      [504, 'connect-timeout', 'timeout'],
      [502, 'refused', 'refused'],
    ]).toContainEqual([status, headers['x-fuseboard-error'], ...results(plane)]);
  });

  it('does not answer gets 504 response-timeout, and its connection is not used again', async () => {
    const upstream = await misbehaving(() => undefined);
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { timeouts: { responseHeadMs: 60 } });
    expect(await call(plane.port)).toMatchObject({ status: 504, headers: { 'x-fuseboard-error': 'response-timeout' } });
    expect([results(plane), answers(plane)]).toEqual([['timeout'], ['response-timeout 504']]);
    await expect.poll(() => upstream.open()).toBe(0);
  });

  it('stops reading the request gets 504 idle-timeout', async () => {
    const upstream = await misbehaving((socket) => socket.pause());
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { timeouts: { idleMs: 100 } });
    const outgoing = request({ host: '127.0.0.1', port: plane.port, method: 'PUT', headers: { host: 'api.test', 'content-length': 100_000_000 } });
    outgoing.on('error', () => undefined).write(Buffer.alloc(50_000_000));
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect([incoming.statusCode, incoming.headers['x-fuseboard-error']]).toEqual([504, 'idle-timeout']);
    expect([results(plane), answers(plane)]).toEqual([['timeout'], ['idle-timeout 504']]);
    outgoing.destroy();
  });

  it.each([
    ['closes before it answers', (socket: Socket) => socket.end()],
    ['resets before it answers', (socket: Socket) => socket.resetAndDestroy()],
    ['closes within the head', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nContent-')],
  ])('%s gets 502 reset', async (_, behave) => {
    const plane = await startDataPlane(cleanup, [route({ targets: [(await misbehaving(behave)).target] })]);
    expect(await call(plane.port)).toMatchObject({ status: 502, headers: { 'x-fuseboard-error': 'reset' } });
    expect([results(plane), answers(plane)]).toEqual([['reset'], ['reset 502']]);
  });

  it.each([
    ['is no HTTP', 'SSH-2.0-OpenSSH_9\r\n'],
    ['has a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['has two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
    ['has a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello'],
    ['is coded in a way that we do not know', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['switches protocols unasked', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
    ['has a status beyond 599', 'HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['has lines that end in LF alone', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['has a reason with a control character', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n'],
    ['has a folded header', 'HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n'],
    ['has a head of 70,000 bytes', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\nContent-Length: 0\r\n\r\n`],
  ])('gives an answer that %s gets 502 bad-response, and nothing of it is passed', async (_, bytes) => {
    const upstream = await misbehaving((socket) => socket.write(bytes, 'latin1'));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    expect(await call(plane.port)).toMatchObject({ status: 502, headers: { 'x-fuseboard-error': 'bad-response' } });
    expect([results(plane), answers(plane)]).toEqual([['bad-response'], ['bad-response 502']]);
    await expect.poll(() => upstream.open()).toBe(0);
  });

  it('answers twice: the first is passed, the second is nobody’s', async () => {
    const upstream = await misbehaving((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond'));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxConnections: 1 } })]);
    for (let i = 0; i < 3; i++) expect(await call(plane.port)).toMatchObject({ status: 200, body: 'first' });
  });

  it('answers again later, unasked: the connection is dropped, the next call gets its own answer', async () => {
    let answer = 'first';
    const upstream = await misbehaving((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${answer}`);
      if (answer === 'first') setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong'), 20);
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxConnections: 1 } })]);
    expect((await call(plane.port)).body).toBe('first');
    await expect.poll(() => upstream.open()).toBe(0);
    answer = 'right';
    expect((await call(plane.port)).body).toBe('right');
  });
});

describe('an answer that breaks off', () => {
  it.each([
    ['within a length', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf of it')],
    ['within chunks', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf of it\r\n')],
  ])('%s breaks off for the client too; its status was the outcome', async (_, behave) => {
    const upstream = await misbehaving(behave);
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    expect(await call(plane.port)).toMatchObject({ status: 200, body: 'half of it', complete: false });
    expect([results(plane), answers(plane)]).toEqual([[200], ['reset 200']]);
  });

  it('within a body without length, by a reset, breaks off too', async () => {
    const upstream = await misbehaving((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nhalf of it');
      setTimeout(() => socket.resetAndDestroy(), 50);
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    expect(await call(plane.port)).toMatchObject({ status: 200, body: 'half of it', complete: false });
    expect(answers(plane)).toEqual(['reset 200']);
  });

  it('by a chunk that is none breaks off; where nothing was sent yet, the client gets 502', async () => {
    const upstream = await misbehaving((socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    expect(await call(plane.port)).toMatchObject({ status: 502, headers: { 'x-fuseboard-error': 'bad-response' } });
    expect([results(plane), answers(plane)]).toEqual([[200], ['bad-response 502']]);
  });

  it('because the upstream stalls breaks off after idleMs', async () => {
    const upstream = await misbehaving((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf of it'));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { timeouts: { idleMs: 80 } });
    expect(await call(plane.port)).toMatchObject({ status: 200, body: 'half of it', complete: false });
    expect([results(plane), answers(plane)]).toEqual([[200], ['idle-timeout 200']]);
  });

  it('does not, while each chunk comes in time, however long it takes in all', async () => {
    const upstream = await misbehaving(async (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n');
      for (let i = 0; i < 10; i++) {
        await sleep(40);
        socket.write(String(i));
      }
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { timeouts: { idleMs: 200 } });
    expect(await call(plane.port)).toMatchObject({ status: 200, body: '0123456789', complete: true });
  });
});

describe('a client that', () => {
  async function held() {
    const pending: { incoming: IncomingMessage; response: ServerResponse; isClosed: boolean }[] = [];
    const upstream = await startUpstream(cleanup, (incoming, response) => {
      const entry = { incoming, response, isClosed: false };
      incoming.socket.on('close', () => (entry.isClosed = true));
      pending.push(entry);
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    return { pending, upstream, plane };
  }

  it('leaves before the answer ends the upstream call, and is no outcome', async () => {
    const { pending, plane } = await held();
    const client = new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    await eventually(() => pending[0], { what: 'the call in the upstream' });
    client.socket.destroy();
    await eventually(() => pending[0]?.isClosed || undefined, { what: 'the end of the upstream call' });
    await expect.poll(() => answers(plane)).toEqual(['client-abort 0']);
    expect(plane.outcomes).toEqual([]);
    await expect.poll(() => plane.proxy.stats().routes[0]).toMatchObject({ connections: 0, inFlight: 0 });
  });

  it('leaves within its own body ends the upstream request without an end, and is no outcome', async () => {
    const { pending, plane } = await held();
    const client = new RawClient(cleanup, plane.port).send('POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    const { incoming } = await eventually(() => pending[0], { what: 'the call in the upstream' });
    incoming.on('error', () => undefined).resume();
    client.socket.destroy();
    await eventually(() => pending[0]?.isClosed || undefined, { what: 'the end of the upstream call' });
    expect(incoming.complete).toBe(false);
    await expect.poll(() => answers(plane)).toEqual(['client-abort 0']);
    expect(plane.outcomes).toEqual([]);
  });

  it('leaves within the answer ends the upstream call; the outcome was told at the head', async () => {
    const { pending, plane } = await held();
    const client = new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    const { response } = await eventually(() => pending[0], { what: 'the call in the upstream' });
    response.write('some');
    await client.until(/some/);
    client.socket.destroy();
    await eventually(() => pending[0]?.isClosed || undefined, { what: 'the end of the upstream call' });
    await expect.poll(() => answers(plane)).toEqual(['client-abort 200']);
    expect(results(plane)).toEqual([200]);
  });

  it('leaves while it waits for a connection gives its place up', async () => {
    const pending: ServerResponse[] = [];
    const upstream = await startUpstream(cleanup, (_, response) => pending.push(response));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxConnections: 1, maxPendingRequests: 1 } })]);
    const first = call(plane.port);
    await eventually(() => pending[0], { what: 'the call in the upstream' });
    const client = new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    await expect.poll(() => plane.proxy.stats().routes[0]?.pending).toBe(1);
    client.socket.destroy();
    await expect.poll(() => plane.proxy.stats().routes[0]?.pending).toBe(0);
    pending[0]?.end();
    await first;
    expect(pending).toHaveLength(1);
  });

  it('stops sending its body gets 408, and the upstream is not blamed', async () => {
    const upstream = await misbehaving(() => undefined);
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { timeouts: { clientBodyMs: 80 } });
    const client = new RawClient(cleanup, plane.port).send('POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 10\r\n\r\nabc');
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 408 [\s\S]*connection: close/);
    expect([results(plane), answers(plane)]).toEqual([[], ['bad-request 408']]);
    await expect.poll(() => upstream.open()).toBe(0);
  });

  it('stops reading its answer is closed after idleMs, and the upstream is not blamed', async () => {
    const upstream = await startUpstream(cleanup, (_, response) => response.end(Buffer.alloc(50_000_000)));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { timeouts: { idleMs: 150 } });
    const client = new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    client.socket.pause();
    await expect.poll(() => answers(plane), { timeout: 5_000 }).toEqual(['client-abort 200']);
    expect(results(plane)).toEqual([200]);
    await expect.poll(() => upstream.open(), { timeout: 5_000 }).toBe(0);
  });

  it('sends its body slowly does not make its upstream look slow', async () => {
    const upstream = await startUpstream(cleanup, (incoming, response) => {
      incoming.resume().on('end', () => response.end());
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const outgoing = request({ host: '127.0.0.1', port: plane.port, method: 'POST', headers: { host: 'api.test', 'content-length': 3 } });
    const answered = once(outgoing, 'response');
    for (const part of ['a', 'b', 'c']) {
      await sleep(150);
      outgoing.write(part);
    }
    await answered;
    expect(plane.outcomes[0]?.durationMs).toBeLessThan(250);
  });

  it('sends the end of its body late, or never before the answer, does not either', async () => {
    const upstream = await startUpstream(cleanup, (incoming, response) => {
      if (incoming.url === '/early') setTimeout(() => response.end('early'), 300);
      else incoming.resume().on('end', () => response.end('late'));
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const late = new RawClient(cleanup, plane.port).send('POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    const early = new RawClient(cleanup, plane.port).send('POST /early HTTP/1.1\r\nHost: api.test\r\nContent-Length: 10\r\n\r\nhello');
    await early.until(/early$/);
    late.send('0\r\n\r\n');
    await late.until(/late/);
    for (const { durationMs } of plane.outcomes) expect(durationMs).toBeLessThan(250);
    expect(plane.outcomes).toHaveLength(2);
  });
});

describe('an answer that is a refusal from further on', () => {
  it.each([
    ['x-fuseboard-state: open', 409],
    ['x-envoy-overloaded: true', 503],
  ])('marked %s is passed on and is no outcome', async (mark, status) => {
    const upstream = await misbehaving((socket) => socket.write(`HTTP/1.1 ${status} No\r\n${mark}\r\nContent-Length: 0\r\n\r\n`));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const { headers, status: got } = await call(plane.port);
    expect([got, headers[mark.split(':')[0]!]]).toEqual([status, mark.split(' ')[1]]);
    expect([results(plane), answers(plane)]).toEqual([[], [`upstream ${status}`]]);
  });

  it.each(['x-fuseboard-state: closed', 'x-envoy-overloaded: false'])('is not what %s says', async (mark) => {
    const upstream = await misbehaving((socket) => socket.write(`HTTP/1.1 503 No\r\n${mark}\r\nContent-Length: 0\r\n\r\n`));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    await call(plane.port);
    expect(results(plane)).toEqual([503]);
  });
});

describe('every call that reaches out is one outcome', () => {
  it('under mixed faults: refused, reset, bad, broken off and good ones add up', async () => {
    let n = 0;
    const kinds = ['good', 'reset', 'bad', 'short'];
    const upstream = await misbehaving((socket) => {
      const kind = kinds[n++ % kinds.length];
      if (kind === 'good') socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
      else if (kind === 'bad') socket.write('nonsense\r\n\r\n');
      else if (kind === 'short') socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
      else socket.resetAndDestroy();
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    await Promise.all(Array.from({ length: 200 }, () => call(plane.port)));
    expect(plane.calls).toHaveLength(200);
    const count = (result: unknown) => results(plane).filter((one) => one === result).length;
    expect([count(200), count('reset'), count('bad-response'), plane.outcomes.length]).toEqual([100, 50, 50, 200]);
  });
});

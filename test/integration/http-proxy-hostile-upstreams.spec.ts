/**
 * Answers as bytes, and what becomes of them. The rule: what could be read in two ways is 502 `bad-response`; where
 * the head has gone on already, the answer breaks off. Either way the connection is never used again.
 */
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Cleanup, RawClient, call, route, startDataPlane, startRawUpstream, type DataPlane, type Upstream } from '../support/data-plane.ts';
import { readResponses } from '../support/raw-http.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const OK = 'HTTP/1.1 200 OK\r\n';
const BODY = 'Content-Length: 5\r\n\r\nhello';
const INTERIM = 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n';

/** Behaves so towards the first request on each connection; towards a second it is well, if there ever is one. */
async function hostile(behave: (socket: Socket) => void, timeouts = {}): Promise<{ readonly plane: DataPlane; readonly upstream: Upstream; readonly reused: () => number }> {
  let reused = 0;
  const upstream = await startRawUpstream(cleanup, (socket) => {
    let heads = 0;
    socket.on('data', (chunk) => {
      if (!chunk.includes('\r\n\r\n')) return;
      if (heads++ === 0) behave(socket);
      else reused++;
    });
    socket.on('end', () => socket.end());
  });
  const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxConnections: 1 } })], { timeouts });
  return { plane, upstream, reused: () => reused };
}

const results = (plane: DataPlane) => plane.outcomes.map(({ result }) => (result.kind === 'status' ? result.code : result.kind === 'failure' ? result.failure : result.kind));
const endings = (plane: DataPlane) => plane.calls.map(({ answer, statusCode }) => `${answer} ${statusCode}`);

describe('502 bad-response is what comes of an answer that', () => {
  it.each([
    ['is no HTTP', 'SSH-2.0-OpenSSH_9\r\n'],
    ['has no head', 'hello, world\r\n\r\n'],
    ['is a request', 'GET / HTTP/1.1\r\nHost: api.test\r\n\r\n'],
    ['is the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['is HTTP/2', '\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\0\xff\xff\0\x05\0\0\x40\0'],
    ['is of HTTP/2.0 in the words of HTTP/1', `HTTP/2.0 200 OK\r\n${BODY}`],
    ['is of HTTP/1.2', `HTTP/1.2 200 OK\r\n${BODY}`],
    ['has a status of two digits', `HTTP/1.1 20 OK\r\n${BODY}`],
    ['has a status of four digits', `HTTP/1.1 2000 OK\r\n${BODY}`],
    ['has a status below 100', `HTTP/1.1 099 OK\r\n${BODY}`],
    ['has a status beyond 599', `HTTP/1.1 600 Odd\r\n${BODY}`],
    ['has a reason with a control byte', `HTTP/1.1 200 O\x01K\r\n${BODY}`],
    ['has a reason with a NUL', `HTTP/1.1 200 O\0K\r\n${BODY}`],
    ['has a reason with a bare CR', `HTTP/1.1 200 O\rK\r\n${BODY}`],
    ['has a reason of two bytes that are none', `HTTP/1.1 200 O\x01\r\n${BODY}`],
    ['has an interim answer with a control byte in its reason', `HTTP/1.1 103 Early\x01\r\n\r\n${OK}${BODY}`],
    ['has an interim answer with two lengths', `HTTP/1.1 103 Early\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n${OK}${BODY}`],
    ['begins with an empty line', `\r\n${OK}${BODY}`],
    ['has a status line that ends in two CRs', `HTTP/1.1 200 OK\r\r\n${BODY}`],
    ['has a status line and nothing else, by bare CRs', `HTTP/1.1 200 OK\r\r\r\nhello`],
    ['has a length and chunks', `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['has chunks and a length', `${OK}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`],
    ['has two lengths', `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`],
    ['has two lengths alike', `${OK}Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello`],
    ['has a list of lengths', `${OK}Content-Length: 5, 5\r\n\r\nhello`],
    ['has a length with a sign', `${OK}Content-Length: +5\r\n\r\nhello`],
    ['has a length that is none', `${OK}Content-Length: five\r\n\r\nhello`],
    ['has an empty length', `${OK}Content-Length:\r\n\r\nhello`],
    ['has a length beyond all numbers', `${OK}Content-Length: 99999999999999999999\r\n\r\nhello`],
    ['is coded in a way that we do not know', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['has chunks that are not last', `${OK}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`],
    ['has chunks twice', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['has a space of Latin-1 behind chunked', `${OK}Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n`],
    ['has a space of Latin-1 behind its length', `${OK}Content-Length: 5\xa0\r\n\r\nhello`],
    ['has chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['has lines that end in LF alone', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['has a header that ends in LF alone', `${OK}X-A: 1\n${BODY}`],
    ['has a folded header', `${OK}X-A: 1\r\n 2\r\n${BODY}`],
    ['has a space before a colon', `${OK}X-A : 1\r\n${BODY}`],
    ['has a space before the colon of its length', `${OK}Content-Length : 5\r\n\r\nhello`],
    ['has a header without a name', `${OK}: 1\r\n${BODY}`],
    ['has a header without a colon', `${OK}X-A\r\n${BODY}`],
    ['has a name with a space', `${OK}X A: 1\r\n${BODY}`],
    ['has a name beyond ASCII', `${OK}X-\xfc: 1\r\n${BODY}`],
    ['has a NUL in a value', `${OK}X-A: \0\r\n${BODY}`],
    ['has a bare CR in a value', `${OK}X-A: 1\rSet-Cookie: a=b\r\n${BODY}`],
    ['has a control byte in a value', `${OK}X-A: \x0b\r\n${BODY}`],
    ['has a head of 70,000 bytes', `${OK}X-A: ${'a'.repeat(70_000)}\r\n${BODY}`],
    ['has a head of many small headers, 70,000 bytes', `${OK}${'X-A: 1\r\n'.repeat(9_000)}${BODY}`],
    ['has a reason of 70,000 bytes', `HTTP/1.1 200 ${'a'.repeat(70_000)}\r\n${BODY}`],
    ['switches protocols, which nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nbytes'],
    ['switches protocols behind an interim answer', `${INTERIM}HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n`],
  ])('%s', async (_, bytes) => {
    const { plane, upstream, reused } = await hostile((socket) => socket.write(bytes, 'latin1'));
    const { status, headers } = await call(plane.port);
    expect([status, headers['x-fuseboard-error'], results(plane), endings(plane)]).toEqual([502, 'bad-response', ['bad-response'], ['bad-response 502']]);
    await expect.poll(() => upstream.open()).toBe(0);
    expect(reused()).toBe(0);
  });

  it('never gets to its end: interim answers are counted', async () => {
    const { plane, upstream } = await hostile((socket) => {
      const more = (): void => {
        while (socket.writable && socket.write(INTERIM));
      };
      socket.on('drain', more);
      more();
    });
    const client = new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    await client.until(/HTTP\/1\.1 502 [^]*bad-response/);
    expect([results(plane), endings(plane)]).toEqual([['bad-response'], ['bad-response 502']]);
    // What passed before is bounded too.
    expect(client.text.split('HTTP/1.1 103').length).toBeLessThan(1_000);
    await expect.poll(() => upstream.open()).toBe(0);
  });

  it('has a head without end', async () => {
    const { plane, upstream } = await hostile((socket) => {
      socket.write(OK);
      const more = (): void => {
        while (socket.writable && socket.write(`X-A: ${'a'.repeat(1_000)}\r\n`));
      };
      socket.on('drain', more);
      more();
    });
    expect(await call(plane.port)).toMatchObject({ status: 502, headers: { 'x-fuseboard-error': 'bad-response' } });
    await expect.poll(() => upstream.open()).toBe(0);
  });
});

describe('an answer that breaks off is what comes of', () => {
  it.each([
    ['a chunk size that is none', 'zz\r\n'],
    ['a chunk size with a sign', '+5\r\nhello\r\n'],
    ['a hexadecimal prefix', '0x5\r\nhello\r\n'],
    ['a chunk size beyond all numbers', 'ffffffffffffffffff\r\n'],
    ['a chunk size that ends in LF', '5\nhello\r\n'],
    ['a chunk that is longer than it says', '3\r\nhello\r\n0\r\n\r\n'],
    ['a trailer that is none', '0\r\nX-A\r\n\r\n'],
    ['a length in the trailers', '0\r\nContent-Length: 5\r\n\r\n'],
    ['a folded trailer', '0\r\nX-A: 1\r\n 2\r\n\r\n'],
    ['trailers without end', `0\r\n${`X-A: ${'a'.repeat(1_000)}\r\n`.repeat(100)}`],
    ['chunk extensions without end', `5;${'a'.repeat(70_000)}`],
  ])('%s, once the head has gone on', async (_, bytes) => {
    const { plane, upstream, reused } = await hostile((socket) => {
      socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
      setTimeout(() => socket.write(bytes, 'latin1'), 30);
    });
    const text = await new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n').untilClosed();
    expect(text).toMatch(/^HTTP\/1\.1 200 OK[^]*abc/);
    expect(readResponses(text, ['GET'], false)).toMatchObject({ messages: [], tail: { kind: 'incomplete' } });
    expect([results(plane), endings(plane)]).toEqual([[200], ['bad-response 200']]);
    await expect.poll(() => upstream.open()).toBe(0);
    expect(reused()).toBe(0);
  });

  it.each([
    ['a length that is not reached', `${OK}Content-Length: 50\r\n\r\nhello`, (socket: Socket) => socket.end()],
    ['chunks that do not end', `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`, (socket: Socket) => socket.end()],
    ['a reset within a length', `${OK}Content-Length: 50\r\n\r\nhello`, (socket: Socket) => socket.resetAndDestroy()],
    ['a reset within chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`, (socket: Socket) => socket.resetAndDestroy()],
    ['a reset in what ends with the connection', `${OK}\r\nhello`, (socket: Socket) => socket.resetAndDestroy()],
  ])('%s', async (_, bytes, end) => {
    const { plane } = await hostile((socket) => {
      socket.write(bytes);
      setTimeout(() => end(socket), 30);
    });
    const text = await new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n').untilClosed();
    expect(text).toMatch(/^HTTP\/1\.1 200 OK[^]*hello/);
    expect(readResponses(text, ['GET'], false).messages).toEqual([]);
    expect([results(plane), endings(plane)]).toEqual([[200], ['reset 200']]);
  });
});

describe('bytes that belong to no call', () => {
  it.each([
    ['behind a length', `${OK}${BODY}`],
    ['behind chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`],
    ['behind a 204', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['behind a 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
    ['behind what says that it is the last', `${OK}Connection: close\r\n${BODY}`],
  ])('%s are dropped with their connection', async (_, bytes) => {
    const { plane, upstream, reused } = await hostile((socket) => socket.write(`${bytes}${OK}Content-Length: 5\r\n\r\nwrong`));
    for (let i = 0; i < 3; i++) {
      const { status, body } = await call(plane.port);
      expect([status < 400, body]).toEqual([true, expect.stringMatching(/^(?:hello)?$/)]);
    }
    await expect.poll(() => upstream.open()).toBe(0);
    expect(reused()).toBe(0);
  });

  it('behind the head that HEAD gets are dropped, and are no body', async () => {
    const { plane, upstream, reused } = await hostile((socket) => socket.write(`${OK}${BODY}`));
    const client = new RawClient(cleanup, plane.port).send('HEAD / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    await client.until(/\r\n\r\n/);
    await expect.poll(() => upstream.open()).toBe(0);
    expect([client.text.includes('hello'), reused()]).toEqual([false, 0]);
  });

  it('before any request are nobody’s answer', async () => {
    let connections = 0;
    const upstream = await startRawUpstream(cleanup, (socket) => {
      if (connections++ === 0) socket.write(`${OK}Content-Length: 5\r\n\r\nwrong`);
      socket.on('data', () => socket.write(`${OK}Content-Length: 5\r\n\r\nright`));
      socket.on('end', () => socket.end());
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxConnections: 1 } })]);
    // They may cross the first request, which then can't tell; nobody after it is touched.
    const bodies = [(await call(plane.port)).body];
    await expect.poll(() => upstream.open()).toBe(0);
    for (let i = 0; i < 3; i++) bodies.push((await call(plane.port)).body);
    expect(bodies.slice(1)).toEqual(['right', 'right', 'right']);
  });
});

describe('an upstream that sends one byte at a time', () => {
  it('is served to its end while each comes in time', async () => {
    const text = `${OK}Transfer-Encoding: chunked\r\nX-A: b\r\n\r\n5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\nX-Sum: 1\r\n\r\n`;
    const { plane } = await hostile(async (socket) => {
      socket.setNoDelay(true);
      for (const byte of text) {
        socket.write(byte);
        await new Promise(setImmediate);
      }
    });
    expect(await call(plane.port)).toMatchObject({ status: 200, body: 'helloyou', complete: true });
  });

  it('of its head has no longer than for a head in all', async () => {
    const { plane, upstream } = await hostile(
      (socket) => {
        const drip = setInterval(() => socket.writable && socket.write('a'), 10);
        socket.write(`${OK}X-A: `);
        cleanup.add(() => clearInterval(drip));
      },
      { responseHeadMs: 200, idleMs: 100 },
    );
    expect(await call(plane.port)).toMatchObject({ status: 504, headers: { 'x-fuseboard-error': 'response-timeout' } });
    expect(results(plane)).toEqual(['timeout']);
    await expect.poll(() => upstream.open()).toBe(0);
  });

  it('and then none is broken off after idleMs', async () => {
    const { plane, upstream } = await hostile((socket) => socket.write(`${OK}Content-Length: 50\r\n\r\nhello`), { idleMs: 100 });
    expect(await call(plane.port)).toMatchObject({ status: 200, body: 'hello', complete: false });
    expect([results(plane), endings(plane)]).toEqual([[200], ['idle-timeout 200']]);
    await expect.poll(() => upstream.open()).toBe(0);
  });
});

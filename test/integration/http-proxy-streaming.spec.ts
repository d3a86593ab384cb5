/**
 * Bodies without end in memory that has one: 2 GiB each way through a proxy in a process of its own, byte for byte and
 * in flat memory; who reads slowly slows its own upstream alone; what is sent in pieces arrives in pieces.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { call, Cleanup, RawClient, route, startDataPlane, startRawUpstream, startUpstream, type Upstream } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { startProxyProcess } from '../support/proxy-process.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const GIB = 1_024 ** 3;
/** Beyond what 31 bits count, and no multiple of anything. */
const BYTES = 2 * GIB + 12_345;
/** What a proxy may hold of a body on its way, and what V8 takes for its garbage. */
const GROWTH_MAX = 128 * 1_024 ** 2;
const PIECE = 262_144;
/** Counts up in each 8 bytes, from the start of the body: a hole, a repeat or a swap shows. */
const PATTERN = Buffer.alloc(PIECE * 2);
for (let at = 0; at < PATTERN.length; at += 4) PATTERN.writeUInt32LE(((at / 4) % (PIECE / 4)) * 2_654_435_761 % 2 ** 32, at);

/** Writes that many bytes as fast as they are taken, then `end`. @param framed each piece as a chunk. */
function pour(socket: Socket, { bytes, isChunked = false, end }: { bytes: number; isChunked?: boolean; end: () => void }): () => number {
  let sent = 0;
  const more = (): void => {
    while (sent < bytes) {
      const length = Math.min(PIECE, bytes - sent);
      sent += length;
      const piece = PATTERN.subarray(0, length);
      if (isChunked) {
        socket.cork();
        socket.write(`${length.toString(16)}\r\n`);
        socket.write(piece);
        socket.write('\r\n');
        process.nextTick(() => socket.uncork());
        if (socket.writableNeedDrain) return;
      } else if (!socket.write(piece)) return;
    }
    socket.off('drain', more);
    end();
  };
  socket.on('drain', more);
  more();
  return () => sent;
}

/** Compares a body with the pattern as it comes. */
class Check {
  bytes = 0;
  isTrue = true;

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const from = this.bytes % PIECE;
      const length = Math.min(chunk.length - at, PIECE - from);
      this.isTrue &&= PATTERN.compare(chunk, at, at + length, from, from + length) === 0;
      this.bytes += length;
      at += length;
    }
  }
}

/** Takes chunks apart; sizes and line ends may lie across reads. */
class Unchunker {
  #left = 0;
  #line = '';
  #isSize = true;
  isOver = false;
  readonly #check: Check;

  constructor(check: Check) {
    this.#check = check;
  }

  take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const length = Math.min(this.#left, bytes.length - at);
        this.#check.take(bytes.subarray(at, at + length));
        this.#left -= length;
        at += length;
        continue;
      }
      const end = bytes.indexOf(10, at);
      this.#line += bytes.toString('latin1', at, end === -1 ? undefined : end);
      at = end === -1 ? bytes.length : end + 1;
      if (end === -1) return;
      const line = this.#line.trim();
      this.#line = '';
      if (this.#isSize) {
        this.#left = Number.parseInt(line, 16);
        this.isOver = this.#left === 0;
      }
      this.#isSize = !this.#isSize;
    }
  }
}

/** Hands over what comes behind a head. */
function onBodyOf(socket: Socket, take: (chunk: Buffer) => void): void {
  let head: string | undefined = '';
  socket.on('data', (chunk: Buffer) => {
    if (head === undefined) {
      take(chunk);
      return;
    }
    const from = head.length;
    head += chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) return;
    head = undefined;
    take(chunk.subarray(end + 4 - from));
  });
}

async function measured(target: string, run: (port: number) => Promise<void>): Promise<number> {
  const proxy = await startProxyProcess(cleanup, target);
  // What it takes to serve at all is there before.
  for (let i = 0; i < 20; i++) await call(proxy.port, { path: '/small' });
  const before = await proxy.memory();
  const from = performance.now();
  await run(proxy.port);
  const seconds = (performance.now() - from) / 1_000;
  const { peak } = await proxy.memory();
  const growth = Math.max(0, peak - before.peak);
  console.log(`http-proxy-streaming: ${(BYTES / GIB).toFixed(1)} GiB in ${seconds.toFixed(1)} s, ${Math.round(growth / 1_024 ** 2)} MiB more than the ${Math.round(before.peak / 1_024 ** 2)} before`);
  return growth;
}

describe('a body of 2 GiB, in flat memory,', () => {
  it('comes down whole, by its length', { timeout: 120_000 }, async () => {
    const upstream = await startRawUpstream(cleanup, (socket) => {
      socket.on('data', (chunk) => {
        if (chunk.includes('/small')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BYTES}\r\n\r\n`);
          pour(socket, { bytes: BYTES, end: () => undefined });
        }
      });
    });
    const check = new Check();
    const growth = await measured(upstream.target, async (port) => {
      const socket = connect({ host: '127.0.0.1', port });
      cleanup.add(() => socket.destroy());
      onBodyOf(socket, (chunk) => check.take(chunk));
      socket.write('GET /large HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n');
      await once(socket, 'close');
    });
    expect([check.bytes, check.isTrue]).toEqual([BYTES, true]);
    expect(growth).toBeLessThan(GROWTH_MAX);
  });

  it('goes up whole, in chunks', { timeout: 120_000 }, async () => {
    const check = new Check();
    const upstream = await startRawUpstream(cleanup, (socket) => {
      const chunks = new Unchunker(check);
      let isLarge = false;
      socket.on('data', (chunk) => {
        if (!isLarge && chunk.includes('/small')) socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
        else isLarge = true;
      });
      socket.on('end', () => socket.end());
      onBodyOf(socket, (chunk) => {
        if (!isLarge) return;
        chunks.take(chunk);
        if (chunks.isOver) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone');
      });
    });
    const growth = await measured(upstream.target, async (port) => {
      const client = new RawClient(cleanup, port).send('POST /large HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n');
      pour(client.socket, { bytes: BYTES, isChunked: true, end: () => client.send('0\r\n\r\n') });
      await eventually(() => client.text.endsWith('done') || undefined, { what: 'the answer', deadlineMs: 110_000 });
    });
    expect([check.bytes, check.isTrue]).toEqual([BYTES, true]);
    expect(growth).toBeLessThan(GROWTH_MAX);
  });
});

describe('who reads slowly', () => {
  /** Large answers without end, and how much of each was written. */
  async function endless(): Promise<{ readonly upstream: Upstream; readonly written: () => readonly number[] }> {
    const counts: (() => number)[] = [];
    const upstream = await startRawUpstream(cleanup, (socket) => {
      socket.on('data', (chunk) => {
        if (chunk.includes('/small')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BYTES}\r\n\r\n`);
          counts.push(pour(socket, { bytes: BYTES, end: () => undefined }));
        }
      });
    });
    return { upstream, written: () => counts.map((count) => count()) };
  }

  it('slows its own upstream alone: others get theirs meanwhile, and memory stays', { timeout: 60_000 }, async () => {
    const { upstream, written } = await endless();
    const proxy = await startProxyProcess(cleanup, upstream.target);
    for (let i = 0; i < 20; i++) await call(proxy.port, { path: '/small' });
    const before = await proxy.memory();
    const slow = Array.from({ length: 20 }, () => new RawClient(cleanup, proxy.port).send('GET /large HTTP/1.1\r\nHost: api.test\r\n\r\n'));
    for (const { socket } of slow) socket.pause();
    let last = -1;
    let same = 0;
    for (let calls = 0; same < 10; calls++) {
      expect(await call(proxy.port, { path: '/small' })).toMatchObject({ status: 200, body: 'ok' });
      const now = written().reduce((sum, one) => sum + one, 0);
      same = written().length === slow.length && now === last ? same + 1 : 0;
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { peak } = await proxy.memory();
    // Sockets on the way hold some MiB each; the proxy a fraction of one.
    expect([Math.max(...written()) < 64 * 1_024 ** 2, peak - before.peak < GROWTH_MAX]).toEqual([true, true]);
  });
});

describe('what an upstream sends in pieces', () => {
  it.each([
    ['by its length', 'Content-Length: 24\r\n\r\n', (text: string) => text],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n', (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`],
    ['until it closes', 'Connection: close\r\n\r\n', (text: string) => text],
  ])('%s (server-sent events) arrives in pieces, each before the next is sent', async (...[, rest, framed]) => {
    let send!: (text: string) => void;
    const upstream = await startRawUpstream(cleanup, (socket) => {
      socket.on('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${rest}`);
        send = (text) => void socket.write(framed(text));
      });
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const client = new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    await client.until(/text\/event-stream[^]*\r\n\r\n$/);
    for (let i = 1; i <= 3; i++) {
      send(`data: ${i}\n`);
      expect((await client.until(new RegExp(`data: ${i}\n`))).index).toBeGreaterThan(0);
    }
  });

  it('and what a client sends in pieces do not wait for each other', async () => {
    const upstream = await startUpstream(cleanup, (incoming, response) => {
      response.flushHeaders();
      incoming.on('data', (chunk: Buffer) => response.write(`<${chunk.toString()}>`));
      incoming.on('end', () => response.end('.'));
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const client = new RawClient(cleanup, plane.port).send('POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (const word of ['one', 'two', 'three']) {
      client.send(`${word.length.toString(16)}\r\n${word}\r\n`);
      await client.until(new RegExp(`<${word}>`));
    }
    await client.send('0\r\n\r\n').until(/\.\r\n0\r\n\r\n$/);
    expect(plane.calls).toMatchObject([{ answer: 'upstream', statusCode: 200 }]);
  });
});

describe('a client that goes away', () => {
  it.each([
    ['before its answer', 'GET /wait HTTP/1.1\r\nHost: api.test\r\n\r\n', []],
    ['within its answer', 'GET /stream HTTP/1.1\r\nHost: api.test\r\n\r\n', [200]],
    ['within its body', 'POST /wait HTTP/1.1\r\nHost: api.test\r\nContent-Length: 100\r\n\r\nhalf', []],
    ['within its chunks', 'POST /wait HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', []],
  ])('%s frees its upstream connection at once, and is no failure', async (_, bytes, statuses) => {
    const upstream = await startUpstream(cleanup, (incoming, response) => {
      incoming.on('error', () => undefined).resume();
      if (incoming.url === '/stream') response.write('some');
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const client = new RawClient(cleanup, plane.port).send(bytes);
    await expect.poll(() => upstream.requests()).toEqual([1]);
    if (statuses.length > 0) await client.until(/some/);
    client.socket.destroy();
    await expect.poll(() => upstream.open()).toBe(0);
    expect(plane.outcomes.map(({ result }) => (result.kind === 'status' ? result.code : result))).toEqual(statuses);
    expect(plane.calls).toMatchObject([{ answer: 'client-abort' }]);
    await expect.poll(() => plane.proxy.stats()).toMatchObject({ callsInFlight: 0, routes: [{ connections: 0, inFlight: 0, pending: 0 }] });
  });
});

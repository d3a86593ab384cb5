import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Cleanup, startRawUpstream, type RouteWords } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { Peer } from '../support/peer.ts';
import { answersOf, resultsOf, startTcpStage, type TcpStage } from '../support/tcp-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

interface Ends {
  readonly stage: TcpStage;
  readonly client: Peer;
  readonly upstream: Peer;
}

/** A client and an upstream with the proxy between them. */
async function connected(words: RouteWords = {}): Promise<Ends> {
  const accepted: Peer[] = [];
  const { target } = await startRawUpstream(cleanup, (socket) => accepted.push(new Peer(socket)));
  const stage = await startTcpStage(cleanup, { targets: [target], ...words });
  const client = Peer.connect(cleanup, stage.port);
  const upstream = await eventually(() => accepted[0], { what: 'a connection', everyMs: 2 });
  return { stage, client, upstream };
}

describe('a tunnel', () => {
  it('passes bytes both ways, whoever speaks first', async () => {
    const { client, upstream } = await connected();
    upstream.socket.write('220 ready');
    await client.reads('220 ready');
    client.socket.write('hello');
    await upstream.reads('hello');
    upstream.socket.write(', you');
    expect((await client.reads('220 ready, you')).hasEnded).toBe(false);
  });

  it("keeps half-close: the upstream's bytes still come after the client's end", async () => {
    const { stage, client, upstream } = await connected();
    client.socket.end('all of it');
    await upstream.reads('all of it');
    await upstream.ends();
    upstream.socket.write('one');
    await client.reads('one');
    expect(client.hasEnded).toBe(false);
    upstream.socket.end(' two');
    await client.reads('one two');
    await client.until('close', ({ isClosed }) => isClosed);
    await expect.poll(() => [answersOf(stage), stage.listener.clientConnections]).toEqual([['upstream'], 0]);
  });

  it("keeps half-close: the client's bytes still come after the upstream's end", async () => {
    const { stage, client, upstream } = await connected();
    upstream.socket.end('bye');
    await client.reads('bye');
    await client.ends();
    client.socket.write('one');
    await upstream.reads('one');
    expect(upstream.hasEnded).toBe(false);
    client.socket.end(' two');
    await upstream.reads('one two');
    await upstream.until('close', ({ isClosed }) => isClosed);
    await expect.poll(() => answersOf(stage)).toEqual(['upstream']);
  });

  it('resets the client when the upstream resets', async () => {
    const { stage, client, upstream } = await connected();
    upstream.socket.write('half an ans');
    await client.reads('half an ans');
    upstream.socket.resetAndDestroy();
    await client.isReset();
    await expect.poll(() => [resultsOf(stage), answersOf(stage)]).toEqual([['ok'], ['reset']]);
  });

  it('resets the upstream when the client resets', async () => {
    const { stage, client, upstream } = await connected();
    upstream.socket.write('220 ready');
    await client.reads('220 ready');
    client.socket.resetAndDestroy();
    await upstream.isReset();
    await expect.poll(() => [resultsOf(stage), answersOf(stage)]).toEqual([['ok'], ['client-abort']]);
  });

  it('in which no byte passes for the idle time is reset on both sides', async () => {
    const { stage, client, upstream } = await connected({ timeouts: { idleMs: 80 } });
    for (let i = 0; i < 4; i++) {
      upstream.socket.write('.');
      await client.reads('.'.repeat(i + 1));
      await sleep(30);
    }
    expect(client.isClosed).toBe(false);
    await Promise.all([client.isReset(), upstream.isReset()]);
    expect([resultsOf(stage), answersOf(stage)]).toEqual([['ok'], ['idle-timeout']]);
  });
});

const MIB = 1_048_576;
const TOTAL = 256 * MIB;
/** Nearly all of it is in the kernel's socket buffers: up to 4 MiB to send and, as some set it, 32 to receive, for each of two connections. */
const ON_THE_WAY_MAX = 80 * MIB;
const BLOCK = Buffer.alloc(MIB / 4, 'x');

/** Writes as fast as they are taken; `sent` is what left our hands. */
function pour(socket: Peer['socket'], bytes: number): { sent: number } {
  const poured = { sent: 0 };
  const more = (): void => {
    while (poured.sent < bytes) {
      poured.sent += BLOCK.length;
      if (!socket.write(BLOCK)) return;
    }
    socket.off('drain', more).end();
  };
  socket.on('drain', more);
  more();
  return poured;
}

describe('256 MiB', () => {
  it.each([
    ['to a slow client', ({ client, upstream }: Ends) => ({ from: upstream, to: client })],
    ['to a slow upstream', ({ client, upstream }: Ends) => ({ from: client, to: upstream })],
  ])('%s pass in flat memory, and stop nobody else', async (_, direction) => {
    const ends = await connected();
    const { from, to } = direction(ends);
    to.socket.pause();
    const poured = pour(from.socket, TOTAL);
    let before = -1;
    await expect.poll(() => before === (before = poured.sent), { interval: 50, timeout: 10_000 }).toBe(true);
    expect(before).toBeLessThan(ON_THE_WAY_MAX);

    const other = Peer.connect(cleanup, ends.stage.port);
    other.socket.end('hello');
    await expect.poll(() => ends.stage.slots.taken).toBe(2);

    const rssBefore = process.memoryUsage.rss();
    const most = { onTheWay: 0, rss: 0 };
    let pausedAt = 0;
    to.socket.on('data', () => {
      if (to.bytes - pausedAt < 4 * MIB) return;
      pausedAt = to.bytes;
      most.onTheWay = Math.max(most.onTheWay, poured.sent - to.bytes);
      most.rss = Math.max(most.rss, process.memoryUsage.rss() - rssBefore);
      to.socket.pause();
      setTimeout(() => to.socket.resume(), 4);
    });
    to.socket.resume();
    await to.ends();
    expect(to.bytes).toBe(TOTAL);
    expect(most.onTheWay).toBeLessThan(ON_THE_WAY_MAX);
    // Of source, proxy and sink together, with what the garbage collector hasn't taken yet.
    expect(most.rss).toBeLessThan(160 * MIB);
  });
});

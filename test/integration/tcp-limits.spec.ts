import { afterEach, describe, expect, it } from 'vitest';
import type { Decision, RateLimit } from '#http-proxy';
import { Cleanup, startRawUpstream, type Upstream } from '../support/data-plane.ts';
import { Peer } from '../support/peer.ts';
import { answersOf, resultsOf, startTcpStage, type TcpStage, type TcpWords } from '../support/tcp-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const REFUSE: Decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'Coming soon ...' } };
const GREETING = '220 ready';

/** An upstream that greets, and ends after its client. */
async function greeting(words: TcpWords = {}, options: Parameters<typeof startTcpStage>[2] = {}): Promise<{ stage: TcpStage; upstream: Upstream }> {
  const upstream = await startRawUpstream(cleanup, (socket) => socket.on('end', () => socket.end()).resume().write(GREETING));
  return { upstream, stage: await startTcpStage(cleanup, { targets: [upstream.target], ...words }, options) };
}

/** Whether it was served or closed by a FIN without a byte. */
async function fate(peer: Peer): Promise<'served' | 'closed'> {
  await peer.until('a fate', ({ text, hasEnded }) => text !== '' || hasEnded);
  return peer.text === '' ? 'closed' : 'served';
}

async function fates(stage: TcpStage, clients: number): Promise<{ served: Peer[]; closed: number }> {
  const peers = Array.from({ length: clients }, () => Peer.connect(cleanup, stage.port));
  const all = await Promise.all(peers.map(fate));
  return { served: peers.filter((_, i) => all[i] === 'served'), closed: all.filter((each) => each === 'closed').length };
}

describe('a connection that is not let through', () => {
  it('by an open breaker is closed at once by a FIN; the upstream hears nothing, and it is no outcome', async () => {
    const { stage, upstream } = await greeting();
    stage.decision = REFUSE;
    expect(await fates(stage, 3)).toEqual({ served: [], closed: 3 });
    expect(stage.calls).toEqual(Array.from({ length: 3 }, () => ({ answer: 'degraded', statusCode: 0, route: 'test/api' })));
    expect([stage.outcomes, upstream.mostOpen(), stage.slots.taken]).toEqual([[], 0, 0]);
  });

  it('by the rate is closed at once and counted; the breaker is asked before', async () => {
    const tcp: RateLimit = { amount: 2, periodMs: 3_600_000, burst: 1 };
    const { stage, upstream } = await greeting({ rateLimits: { tcp, paths: [] } });
    stage.decision = REFUSE;
    await fates(stage, 5);
    stage.decision = { kind: 'admit' };
    const { served, closed } = await fates(stage, 5);
    expect([served.length, closed, upstream.mostOpen()]).toEqual([3, 2, 3]);
    expect(answersOf(stage)).toEqual([...Array<string>(5).fill('degraded'), ...Array<string>(2).fill('rate-limited')]);
    expect(resultsOf(stage)).toEqual(['ok', 'ok', 'ok']);
  });

  it('by clientConnectionsMax is closed at once', async () => {
    const { stage } = await greeting({}, { bounds: { clientConnectionsMax: 2 } });
    expect((await fates(stage, 5)).closed).toBe(3);
    expect(answersOf(stage)).toEqual(Array<string>(3).fill('overflow-connections'));
  });
});

describe('maxConnections', () => {
  it('is exact under 60 clients at once, round after round, as the upstream counts', async () => {
    const { stage, upstream } = await greeting({ limits: { maxConnections: 5 } });
    for (let round = 1; round <= 5; round++) {
      const { served, closed } = await fates(stage, 60);
      expect([served.length, closed, stage.slots.taken]).toEqual([5, 55, 5]);
      for (const [i, peer] of served.entries()) {
        if (i % 2 === 0) peer.socket.end();
        else peer.socket.resetAndDestroy();
      }
      await expect.poll(() => stage.slots.taken).toBe(0);
    }
    expect(upstream.mostOpen()).toBe(5);
    expect(answersOf(stage).filter((answer) => answer === 'overflow-connections')).toHaveLength(275);
  });

  it('of 0 lets nobody through', async () => {
    const { stage } = await greeting({ limits: { maxConnections: 0 } });
    expect((await fates(stage, 2)).closed).toBe(2);
  });

  it('holds a slot until the upstream has closed its side too', async () => {
    const held: Peer[] = [];
    const upstream = await startRawUpstream(cleanup, (socket) => {
      held.push(new Peer(socket));
      socket.write(GREETING);
    });
    const stage = await startTcpStage(cleanup, { targets: [upstream.target], limits: { maxConnections: 1 } });
    const [first] = (await fates(stage, 1)).served;
    first?.socket.end();
    await held[0]?.ends();
    expect(await fate(Peer.connect(cleanup, stage.port))).toBe('closed');
    held[0]?.socket.end();
    await expect.poll(() => stage.slots.taken).toBe(0);
    expect(await fate(Peer.connect(cleanup, stage.port))).toBe('served');
  });
});

describe('a change of the document', () => {
  it('leaves connections alone; those that come are under the new limit', async () => {
    const { stage } = await greeting();
    const { served } = await fates(stage, 3);
    stage.change({ limits: { maxConnections: 3 } });
    expect((await fates(stage, 1)).closed).toBe(1);
    served[0]?.socket.end();
    await expect.poll(() => stage.slots.taken).toBe(2);
    expect((await fates(stage, 2)).closed).toBe(1);
    expect(served[1]?.hasEnded).toBe(false);
  });
});

describe('a stop', () => {
  it('takes nobody new, and waits for those there', async () => {
    const { stage } = await greeting();
    const { served } = await fates(stage, 2);
    let isDone = false;
    const closed = stage.listener.close().then(() => (isDone = true));
    await Peer.connect(cleanup, stage.port).until('a refusal', ({ code }) => code === 'ECONNREFUSED');
    served[0]?.socket.end();
    await served[0]?.ends();
    expect([isDone, served[1]?.hasEnded]).toEqual([false, false]);
    served[1]?.socket.end();
    await closed;
    expect(answersOf(stage)).toEqual(['upstream', 'upstream']);
  });

  it('that has waited enough cuts off those that are left', async () => {
    const { stage } = await greeting();
    const { served } = await fates(stage, 2);
    const closed = stage.listener.close();
    stage.listener.destroy();
    await closed;
    for (const peer of served) await peer.isReset();
    expect(answersOf(stage)).toEqual(['client-abort', 'client-abort']);
  });
});

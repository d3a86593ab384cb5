import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Decision } from '#http-proxy';
import { Cleanup, freePort, startRawUpstream } from '../support/data-plane.ts';
import { Peer } from '../support/peer.ts';
import { answersOf, resultsOf, startTcpStage, type TcpStage } from '../support/tcp-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** A TCP route whose upstream does this with each connection. */
async function stageWith(behave: (peer: Peer) => void, words: Parameters<typeof startTcpStage>[1] = {}): Promise<TcpStage> {
  const { target } = await startRawUpstream(cleanup, (socket) => behave(new Peer(socket)));
  return startTcpStage(cleanup, { targets: [target], ...words });
}

const REFUSE: Decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'Coming soon ...' } };

/** What was told of the one connection, when nothing is left of it. */
async function told(stage: TcpStage): Promise<{ outcomes: string[]; calls: string[] }> {
  await expect.poll(() => [stage.calls.length, stage.slots.taken, stage.listener.clientConnections]).toEqual([1, 0, 0]);
  return { outcomes: resultsOf(stage), calls: answersOf(stage) };
}

describe('a connection is a failure', () => {
  it('refused, where nobody listens, and its client is reset', async () => {
    const stage = await startTcpStage(cleanup, { targets: [`127.0.0.1:${await freePort()}`] });
    await Peer.connect(cleanup, stage.port).isReset();
    expect(await told(stage)).toEqual({ outcomes: ['refused'], calls: ['refused'] });
    expect(stage.calls).toEqual([{ answer: 'refused', statusCode: 0, route: 'test/api' }]);
  });

  it('dns, where the name is unknown', async () => {
    const stage = await startTcpStage(cleanup, { targets: ['no-such-host.invalid:80'] });
    await Peer.connect(cleanup, stage.port).isReset();
    expect(await told(stage)).toEqual({ outcomes: ['dns'], calls: ['dns'] });
  });

  it('reset, where it is reset before the first byte', async () => {
    const stage = await stageWith(({ socket }) => socket.on('data', () => socket.resetAndDestroy()));
    const client = Peer.connect(cleanup, stage.port);
    client.socket.write('hello?');
    await client.isReset();
    expect(await told(stage)).toEqual({ outcomes: ['reset'], calls: ['reset'] });
  });

  it('reset, where it ends before the first byte and the client is not done', async () => {
    const stage = await stageWith(({ socket }) => socket.end());
    const client = await Peer.connect(cleanup, stage.port).ends();
    await expect.poll(() => resultsOf(stage)).toEqual(['reset']);
    client.socket.end();
    expect(await told(stage)).toEqual({ outcomes: ['reset'], calls: ['reset'] });
  });

  it('timeout, where it stays silent for the idle time after the client spoke', async () => {
    const stage = await stageWith(() => undefined, { timeouts: { idleMs: 60 } });
    const client = Peer.connect(cleanup, stage.port);
    client.socket.write('hello?');
    await client.isReset();
    expect(await told(stage)).toEqual({ outcomes: ['timeout'], calls: ['idle-timeout'] });
  });

  it('and each of two targets has its turn', async () => {
    const dead = `127.0.0.1:${await freePort()}`;
    const { target } = await startRawUpstream(cleanup, (socket) => socket.end('hello'));
    const stage = await startTcpStage(cleanup, { targets: [dead, target] });
    for (let i = 0; i < 2; i++) {
      const client = await Peer.connect(cleanup, stage.port).until('close or end', ({ isClosed, hasEnded }) => isClosed || hasEnded);
      client.socket.destroy();
    }
    expect(stage.outcomes.map((outcome) => outcome.target).toSorted()).toEqual([dead, target].toSorted());
    expect(resultsOf(stage).toSorted()).toEqual(['ok', 'refused']);
  });
});

describe('a connection is a success', () => {
  it('at the first byte from the upstream, and told then', async () => {
    const stage = await stageWith(({ socket }) => socket.on('data', () => socket.write('yes')).on('end', () => socket.end()));
    const client = Peer.connect(cleanup, stage.port);
    client.socket.write('are you there?');
    await client.reads('yes');
    expect(stage.outcomes).toMatchObject([{ upstream: 'api.test', route: 'test/api', result: { kind: 'ok' }, attempt: 1, decision: stage.decision }]);
    expect(stage.calls).toEqual([]);
    client.socket.write('still?');
    await client.reads('yesyes');
    client.socket.destroy();
    await expect.poll(() => stage.calls.length).toBe(1);
    expect(resultsOf(stage)).toEqual(['ok']);
  });

  it('where the upstream takes everything, says nothing, and ends after the client', async () => {
    const stage = await stageWith(({ socket }) => socket.on('end', () => socket.end()));
    const client = Peer.connect(cleanup, stage.port);
    client.socket.end('a line for the log');
    await client.ends();
    expect(await told(stage)).toEqual({ outcomes: ['ok'], calls: ['upstream'] });
  });

  it('whose duration counts from dialling, where the upstream speaks first', async () => {
    const stage = await stageWith(({ socket }) => void setTimeout(() => socket.write('220 ready'), 120));
    await Peer.connect(cleanup, stage.port).reads('220 ready');
    expect(stage.outcomes[0]?.durationMs).toBeGreaterThan(110);
  });

  it('whose duration leaves out the time in which the client had said nothing yet', async () => {
    const stage = await stageWith(({ socket }) => socket.on('data', () => setTimeout(() => socket.write('yes'), 120)));
    const client = Peer.connect(cleanup, stage.port);
    const connectedAt = performance.now();
    await sleep(400);
    client.socket.write('are you there?');
    await client.reads('yes');
    const duration = stage.outcomes[0]?.durationMs;
    expect(duration).toBeGreaterThan(110);
    expect(duration).toBeLessThan(performance.now() - connectedAt - 390);
  });

  it('that nobody is asked about nor told, where the route has no breaker', async () => {
    const stage = await stageWith(({ socket }) => socket.end('hello'), { hasNoBreaker: true });
    stage.decision = REFUSE;
    const client = await Peer.connect(cleanup, stage.port).reads('hello');
    client.socket.end();
    expect(await told(stage)).toEqual({ outcomes: [], calls: ['upstream'] });
  });
});

describe('a connection is no outcome', () => {
  it('where the client breaks off before the first byte, and the upstream is freed at once', async () => {
    const accepted: Peer[] = [];
    const stage = await stageWith((peer) => accepted.push(peer));
    const client = Peer.connect(cleanup, stage.port);
    client.socket.write('are you there?');
    await expect.poll(() => accepted[0]?.text).toBe('are you there?');
    client.socket.resetAndDestroy();
    await accepted[0]?.isReset();
    expect(await told(stage)).toEqual({ outcomes: [], calls: ['client-abort'] });
  });

  it('where the client never said anything, and ended: a port probe', async () => {
    const stage = await stageWith(({ socket }) => socket.on('end', () => socket.end()));
    const client = Peer.connect(cleanup, stage.port);
    client.socket.end();
    await client.ends();
    expect(await told(stage)).toEqual({ outcomes: [], calls: ['client-abort'] });
  });

  it('where neither side said anything for the idle time', async () => {
    const stage = await stageWith(() => undefined, { timeouts: { idleMs: 60 } });
    await Peer.connect(cleanup, stage.port).isReset();
    expect(await told(stage)).toEqual({ outcomes: [], calls: ['client-abort'] });
  });
});

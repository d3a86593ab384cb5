import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { makeCertificate, type Certificate } from '../support/certificate.ts';
import { Cleanup, startRawUpstream } from '../support/data-plane.ts';
import { Peer } from '../support/peer.ts';
import { answersOf, resultsOf, startTcpStage, type TcpStage, type TcpWords } from '../support/tcp-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const ours = makeCertificate({ commonName: 'api.test' });
const strange = makeCertificate({ commonName: 'api.test' });

/** TCP on our side, TLS towards this target; `ours` is trusted. */
async function stageTo(target: string, words: TcpWords = {}): Promise<TcpStage> {
  const folder = mkdtempSync(join(tmpdir(), 'fuseboard-tcp-tls-'));
  cleanup.add(() => rmSync(folder, { recursive: true }));
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, ours.cert);
  return startTcpStage(cleanup, { targets: [target], tls: { ca }, ...words });
}

async function secureUpstream({ key, cert }: Certificate, behave: (peer: Peer) => void): Promise<string> {
  const server = createServer({ key, cert, allowHalfOpen: true }, (socket) => behave(new Peer(socket)));
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket)).on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('TLS towards the upstream', () => {
  it('passes bytes both ways and keeps half-close; the client speaks cleartext', async () => {
    const target = await secureUpstream(ours, (peer) => peer.socket.on('end', () => peer.socket.end(`${peer.text}, you`)));
    const stage = await stageTo(target);
    const client = Peer.connect(cleanup, stage.port);
    client.socket.end('hello');
    await client.reads('hello, you');
    await client.ends();
    await expect.poll(() => [resultsOf(stage), answersOf(stage), stage.slots.taken]).toEqual([['ok'], ['upstream'], 0]);
  });

  it('frees the upstream when the client breaks off', async () => {
    const accepted: Peer[] = [];
    const target = await secureUpstream(ours, (peer) => {
      accepted.push(peer);
      peer.socket.write('220 ready');
    });
    const stage = await stageTo(target);
    const client = await Peer.connect(cleanup, stage.port).reads('220 ready');
    client.socket.resetAndDestroy();
    await accepted[0]?.until('the end', ({ hasEnded, isClosed }) => hasEnded || isClosed);
    await expect.poll(() => [resultsOf(stage), answersOf(stage), stage.slots.taken]).toEqual([['ok'], ['client-abort'], 0]);
  });

  it.each<[string, string, () => Promise<string>]>([
    ['a certificate that nobody trusted signed', 'tls', async () => secureUpstream(strange, () => undefined)],
    ['bytes that are no TLS', 'tls', async () => (await startRawUpstream(cleanup, (socket) => socket.resume().write('220 ready'))).target],
    ['a reset in the handshake', 'tls', async () => (await startRawUpstream(cleanup, (socket) => socket.once('data', () => socket.resetAndDestroy()))).target],
  ])('that is met by %s is a failure %s', async (_, failure, start) => {
    const stage = await stageTo(await start());
    await Peer.connect(cleanup, stage.port).isReset();
    expect([resultsOf(stage), answersOf(stage)]).toEqual([[failure], [failure]]);
    await expect.poll(() => stage.slots.taken).toBe(0);
  });

  it('that gets no answer in its handshake for the connect time-out is a failure timeout', async () => {
    const { target } = await startRawUpstream(cleanup, (socket) => socket.resume());
    const stage = await stageTo(target, { limits: { connectTimeoutMs: 80 } });
    await Peer.connect(cleanup, stage.port).isReset();
    expect([resultsOf(stage), answersOf(stage)]).toEqual([['timeout'], ['connect-timeout']]);
    expect(stage.outcomes[0]?.durationMs).toBeGreaterThanOrEqual(79);
    await expect.poll(() => stage.slots.taken).toBe(0);
  });

  it('that the client does not wait for is no outcome, and is left at once', async () => {
    let accepted: Socket | undefined;
    const { target } = await startRawUpstream(cleanup, (socket) => void (accepted = socket.resume()));
    const stage = await stageTo(target);
    const client = Peer.connect(cleanup, stage.port);
    await expect.poll(() => accepted).toBeDefined();
    client.socket.resetAndDestroy();
    await expect.poll(() => [answersOf(stage), stage.slots.taken]).toEqual([['client-abort'], 0]);
    expect(stage.outcomes).toEqual([]);
  });
});

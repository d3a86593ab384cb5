import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { call, Cleanup, freePort, route, startDataPlane, startRawUpstream, startUpstream, type DataPlane } from '../support/data-plane.ts';
import { UpstreamStage } from '../support/upstream-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Each call takes a connection of its own. */
const answerOnce: RequestListener = (_, response) => response.setHeader('connection', 'close').end('ok');
const answer: RequestListener = (_, response) => response.end('ok');

/** A server at an address of the loopback: 127.0.0.0/8 is this machine's. */
async function serve(host: string, port: number, listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(port, host);
  await once(server, 'listening');
  cleanup.add(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Statuses of calls made one after the other. */
async function statuses(plane: DataPlane, count: number): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < count; i++) all.push((await call(plane.port)).status);
  return all;
}

describe('a target that refuses', () => {
  it('costs one call; then the others are used until its back-off is over, and it too once it is there', async () => {
    let nowMs = 0;
    const [port, upstream] = [await freePort(), await startUpstream(cleanup, answerOnce)];
    const refusing = `127.0.0.1:${port}`;
    const plane = await startDataPlane(cleanup, [route({ targets: [refusing, upstream.target] })], { monotonicNow: () => nowMs });
    const targets = () => plane.outcomes.splice(0).map(({ target }) => target);
    expect(await statuses(plane, 6)).toEqual([502, 200, 200, 200, 200, 200]);
    expect(targets()).toEqual([refusing, ...Array.from({ length: 5 }, () => upstream.target)]);
    // Still away when it is tried again: one call more, and twice as long.
    nowMs += 1_000;
    expect((await statuses(plane, 3)).filter((status) => status === 502)).toEqual([502]);
    await serve('127.0.0.1', port, answerOnce);
    nowMs += 1_000;
    targets();
    await statuses(plane, 3);
    expect(targets()).not.toContain(refusing);
    nowMs += 1_000;
    await statuses(plane, 4);
    expect(targets().filter((target) => target === refusing).length).toBe(2);
  });

  it('is dialled all the same where there is no other', async () => {
    const plane = await startDataPlane(cleanup, [route({ targets: [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`] })]);
    const answers = [await call(plane.port), await call(plane.port), await call(plane.port)];
    expect(answers.map(({ status, headers }) => [status, headers['x-fuseboard-error']])).toEqual(Array.from({ length: 3 }, () => [502, 'refused']));
    expect(new Set(plane.outcomes.map(({ target }) => target)).size).toBe(2);
  });
});

describe('a target that is a name', () => {
  it('is used at all its addresses in turn, over kept connections too', async () => {
    const port = await serve('127.0.0.1', 0, answer);
    await serve('127.0.0.2', port, answer);
    const stage = new UpstreamStage(cleanup, { targets: [`shop.test:${port}`] });
    stage.dns.set('shop.test', ['127.0.0.1', '127.0.0.2']);
    const came = await stage.calls(6);
    expect(came.map(({ target }) => target)).toEqual(Array.from({ length: 3 }, () => [`127.0.0.1:${port}`, `127.0.0.2:${port}`]).flat());
    expect([new Set(came.map(({ result }) => result)), stage.service.connections]).toEqual([new Set([200]), 2]);
  });

  it('whose addresses change is followed: calls go to the new one, idle connections to the old one are closed', async () => {
    const port = await serve('127.0.0.1', 0, answer);
    await serve('127.0.0.2', port, answer);
    const stage = new UpstreamStage(cleanup, { targets: [`shop.test:${port}`] });
    stage.dns.set('shop.test', ['127.0.0.1']);
    await stage.calls(2);
    stage.dns.set('shop.test', ['127.0.0.2']);
    stage.nowMs += 5_000;
    await expect.poll(async () => (await stage.call()).target).toBe(`127.0.0.2:${port}`);
    await expect.poll(() => stage.service.connections).toBe(1);
  });

  it('that DNS does not know is that error; it is found a second after DNS does, and stays while DNS fails', async () => {
    const port = await serve('127.0.0.1', 0, answer);
    const stage = new UpstreamStage(cleanup, { targets: [`shop.test:${port}`] });
    expect(await stage.calls(2)).toEqual(Array.from({ length: 2 }, () => ({ target: `shop.test:${port}`, result: 'dns' })));
    stage.dns.set('shop.test', ['127.0.0.1']);
    stage.nowMs += 1_000;
    expect(await stage.call()).toEqual({ target: `127.0.0.1:${port}`, result: 200 });
    stage.dns.clear();
    stage.nowMs += 60_000;
    expect(await stage.call()).toEqual({ target: `127.0.0.1:${port}`, result: 200 });
  });

  it('whose look-up takes longer than connecting may is that time-out', async () => {
    const stage = new UpstreamStage(cleanup, { targets: ['shop.test:80'], limits: { connectTimeoutMs: 50 } });
    stage.lookup = async () => new Promise(() => undefined);
    expect(await stage.call()).toEqual({ target: 'shop.test:80', result: 'connect-timeout' });
  });

  it('is reached by the family that answers, by the first call already', async () => {
    const port = await serve('127.0.0.1', 0, answerOnce);
    const stage = new UpstreamStage(cleanup, { targets: [`localhost:${port}`] });
    stage.dns.set('localhost', ['::1', '127.0.0.1']);
    expect(await stage.calls(5)).toEqual(Array.from({ length: 5 }, () => ({ target: `127.0.0.1:${port}`, result: 200 })));
  });

  it('keeps maxConnections exact while its address is looked up', async () => {
    const upstream = await startRawUpstream(cleanup, (socket) => socket.once('data', () => socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n')));
    const stage = new UpstreamStage(cleanup, { targets: [`shop.test:${upstream.port}`], limits: { maxConnections: 2 } });
    stage.dns.set('shop.test', ['127.0.0.1']);
    const came = await Promise.all(Array.from({ length: 8 }, () => stage.call()));
    expect([new Set(came.map(({ result }) => result)), upstream.mostOpen() <= 2]).toEqual([new Set([204]), true]);
  });
});

import { once } from 'node:events';
import { Agent, type ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpProxy, ListenError } from '#http-proxy';
import { eventually } from '../support/eventually.ts';
import { ADMIT, call, Cleanup, freePort, keptAgent, RawClient, route, startDataPlane, startUpstream } from '../support/data-plane.ts';
import { http2Call, http2Client, startHttp2Upstream } from '../support/http2-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const named = (name: string) => startUpstream(cleanup, (_, response) => response.end(name));

async function heldUpstream() {
  const held: ServerResponse[] = [];
  const upstream = await startUpstream(cleanup, (_, response) => held.push(response));
  const inUpstream = (count: number) => eventually(() => held.length === count || undefined, { what: `${count} calls in the upstream`, everyMs: 2 });
  return { upstream, held, inUpstream };
}

async function occupiedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => server.close());
  return (server.address() as { port: number }).port;
}

describe('a call finds its route', () => {
  it('by Host: in any case, with a trailing dot, with the document’s port or the listener’s', async () => {
    const upstream = await named('a');
    const plane = await startDataPlane(cleanup, [route({ host: 'Api.Test', port: 8080, targets: [upstream.target] })]);
    const hosts = ['api.test', 'API.TEST', 'api.test.', 'api.test:8080', 'Api.Test:8080', `api.test:${plane.port}`, 'api.test:80', 'api.test:9', 'other.test'];
    const statuses = await Promise.all(hosts.map(async (host) => (await call(plane.port, { headers: { host } })).status));
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 404, 404, 404]);
  });

  it('by HOST:PORT where several documents share a host; the bare name is port 80’s', async () => {
    const [a, b] = await Promise.all([named('a'), named('b')]);
    const plane = await startDataPlane(cleanup, [
      route({ name: 'a', port: 8080, targets: [a.target] }),
      route({ name: 'b', port: 80, targets: [b.target] }),
    ]);
    const bodies = await Promise.all(['api.test:8080', 'api.test:80', 'api.test', `api.test:${plane.port}`].map(async (host) => (await call(plane.port, { headers: { host } })).body));
    expect(bodies).toEqual(['a', 'b', 'b', 'b']);
  });

  it('by the listener that it came in on, whatever its Host says', async () => {
    const [a, b] = await Promise.all([named('a'), named('b')]);
    const plane = await startDataPlane(cleanup, [
      route({ name: 'a', host: 'a.test', targets: [a.target], listen: '127.0.0.1:0' }),
      route({ name: 'b', host: 'b.test', targets: [b.target] }),
    ]);
    const port = Number(plane.proxy.addressOf('a')?.split(':')[1]);
    expect((await call(port, { headers: { host: 'b.test' } })).body).toBe('a');
    expect((await call(plane.port, { headers: { host: 'b.test' } })).body).toBe('b');
    expect((await call(plane.port, { headers: { host: 'a.test' } })).body).toBe('a');
    expect(plane.proxy.addressOf('b')).toBeUndefined();
  });

  it('by host and port through DNS where it has no targets', async () => {
    const upstream = await named('found');
    const plane = await startDataPlane(cleanup, [route({ host: 'localhost', port: upstream.port })]);
    expect((await call(plane.port, { headers: { host: 'localhost' } })).body).toBe('found');
    expect(plane.outcomes[0]?.target).toBe(upstream.target);
  });
});

describe('routes that are replaced', () => {
  it('under load: no call fails, and the new targets are used', async () => {
    const [a, b] = await Promise.all([named('a'), named('b')]);
    const plane = await startDataPlane(cleanup, [route({ targets: [a.target] })]);
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    cleanup.add(() => agent.destroy());
    const bodies: string[] = [];
    const statuses = new Set<number>();
    const load = { isOn: true };
    const loaded = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (load.isOn) {
          const { status, body } = await call(plane.port, { agent });
          statuses.add(status);
          bodies.push(body);
        }
      }),
    );
    for (let i = 1; i <= 30; i++) {
      expect(await plane.proxy.configure([route({ targets: [i % 2 === 0 ? a.target : b.target], limits: { maxRequests: 100 + i } })])).toEqual([]);
      const before = bodies.length;
      await eventually(() => bodies.length > before + 20 || undefined, { what: 'more calls', everyMs: 2 });
    }
    await plane.proxy.configure([route({ targets: [b.target] })]);
    load.isOn = false;
    await loaded;
    expect([...statuses]).toEqual([200]);
    expect(new Set(bodies)).toEqual(new Set(['a', 'b']));
    await expect.poll(() => a.open()).toBe(0);
    expect((await call(plane.port)).body).toBe('b');
  });

  it('keep their connections where nothing about them changes', async () => {
    const upstream = await named('a');
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    await call(plane.port);
    await plane.proxy.configure([route({ targets: [upstream.target] })]);
    await call(plane.port);
    expect(upstream.requests()).toEqual([2]);
  });

  it('are served anew where their protocol is another', async () => {
    const [upstream, { target }] = await Promise.all([
      named('HTTP/1.1'),
      startHttp2Upstream(cleanup, (stream) => {
        stream.respond({ ':status': 200 });
        stream.end('HTTP/2');
      }),
    ]);
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    expect((await call(plane.port)).body).toBe('HTTP/1.1');
    expect(await plane.proxy.configure([route({ protocol: 'h2c', targets: [target] })])).toEqual([]);
    expect(await http2Call(http2Client(cleanup, plane.port))).toMatchObject({ status: 200, body: 'HTTP/2' });
    await expect.poll(() => upstream.open()).toBe(0);
  });

  it('end their calls in flight undisturbed when they are taken away; then their connections go', async () => {
    const { upstream, held, inUpstream } = await heldUpstream();
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], listen: '127.0.0.1:0' })]);
    const own = Number(plane.proxy.addressOf('test/api')?.split(':')[1]);
    const calls = [call(plane.port), call(own)];
    await inUpstream(2);
    await plane.proxy.configure([]);
    expect((await call(plane.port)).status).toBe(404);
    await expect(call(own)).rejects.toThrow('ECONNREFUSED');
    for (const response of held) response.end('done');
    expect(await Promise.all(calls)).toMatchObject([
      { status: 200, body: 'done' },
      { status: 200, body: 'done' },
    ]);
    await expect.poll(() => upstream.open()).toBe(0);
  });

  it('may move a listener from one to another without closing it', async () => {
    const [a, b] = await Promise.all([named('a'), named('b')]);
    const listen = `127.0.0.1:${await freePort()}`;
    const routes = [route({ name: 'a', host: 'a.test', targets: [a.target] }), route({ name: 'b', host: 'b.test', targets: [b.target] })] as const;
    const plane = await startDataPlane(cleanup, [{ ...routes[0], listen }, routes[1]]);
    const agent = keptAgent(cleanup);
    const port = Number(listen.split(':')[1]);
    expect((await call(port, { agent })).body).toBe('a');
    await plane.proxy.configure([routes[0], { ...routes[1], listen }]);
    expect((await call(port, { agent })).body).toBe('b');
  });
});

describe('what can’t be served is said, and the rest is served:', () => {
  it('a port in use, named with the document; it is tried again with the next routes', async () => {
    const upstream = await named('a');
    const port = await occupiedPort();
    const plane = await startDataPlane(cleanup, []);
    const routes = [route({ name: 'ns/a', host: 'a.test', targets: [upstream.target], listen: `127.0.0.1:${port}` }), route({ name: 'ns/b', targets: [upstream.target] })];
    expect(await plane.proxy.configure(routes)).toEqual([{ route: 'ns/a', field: 'listen', message: `127.0.0.1:${port} is in use by another process or listener` }]);
    expect((await call(plane.port)).status).toBe(200);
    expect((await call(plane.port, { headers: { host: 'a.test' } })).status).toBe(200);
    await cleanup.run();
  });

  it('a listener that two routes want, a target that is none, a host and a name that are taken', async () => {
    const plane = await startDataPlane(cleanup, []);
    const listen = `127.0.0.1:${await freePort()}`;
    const problems = await plane.proxy.configure([
      route({ name: 'a', host: 'a.test', listen }),
      route({ name: 'b', host: 'b.test', listen }),
      route({ name: 'c', host: 'A.TEST.' }),
      route({ name: 'a', host: 'd.test' }),
      route({ name: 'e', host: 'e.test', targets: ['http://e.test/'] }),
      route({ name: 'f', host: 'f.test', listen: 'nowhere' }),
    ]);
    expect(problems).toEqual([
      { route: 'a', field: 'name', message: 'another route has this name' },
      { route: 'e', field: 'targets', message: '"http://e.test/" is not HOST:PORT' },
      { route: 'c', field: 'host', message: 'A.TEST.:80 is already served by a' },
      { route: 'b', field: 'listen', message: `${listen} is already the listener of a` },
      { route: 'f', field: 'listen', message: '"nowhere" is not HOST:PORT' },
    ]);
  });

  it('the main listener’s port in use rejects with its address', async () => {
    const proxy = createHttpProxy({ decide: () => ADMIT, report: () => undefined });
    cleanup.add(() => proxy.close({ graceMs: 0 }));
    const port = await occupiedPort();
    const failed = proxy.listen(`127.0.0.1:${port}`);
    await expect(failed).rejects.toThrow(`127.0.0.1:${port} is in use`);
    await expect(failed).rejects.toBeInstanceOf(ListenError);
    await expect(proxy.listen('127.0.0.1')).rejects.toThrow('"127.0.0.1" is not HOST:PORT');
  });
});

describe('a proxy that closes', () => {
  it('lets calls in flight end with Connection: close, takes no new clients, and cuts nobody off', async () => {
    const { upstream, held, inUpstream } = await heldUpstream();
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const inFlight = call(plane.port, { agent: keptAgent(cleanup) });
    await inUpstream(1);
    const closed = plane.proxy.close({ graceMs: 20_000 });
    await expect(call(plane.port)).rejects.toThrow('ECONNREFUSED');
    held[0]?.end('done');
    expect(await inFlight).toMatchObject({ status: 200, body: 'done', headers: { connection: 'close' } });
    expect(await closed).toBe(0);
    await expect.poll(() => upstream.open()).toBe(0);
  });

  it('closes idle clients, and ends a stream that began before with its connection', async () => {
    const { upstream, held, inUpstream } = await heldUpstream();
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const idle = new RawClient(cleanup, plane.port);
    const streaming = new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    await inUpstream(1);
    held[0]?.write('first ');
    await streaming.until(/first/);
    const closed = plane.proxy.close({ graceMs: 20_000 });
    await idle.untilClosed();
    expect(streaming.isClosed).toBe(false);
    held[0]?.end('last');
    expect(await streaming.untilClosed()).toMatch(/first[\s\S]*last\r\n0\r\n\r\n$/);
    expect(await closed).toBe(0);
  });

  it('under load: no call on a connection that was open fails', async () => {
    const upstream = await startUpstream(cleanup, (_, response) => void sleep(2).then(() => response.end('ok')));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    let served = 0;
    const failures: unknown[] = [];
    const clients = Array.from({ length: 10 }, async () => {
      const agent = keptAgent(cleanup);
      for (;;) {
        try {
          const { status, headers, complete } = await call(plane.port, { agent });
          if (status !== 200 || !complete) failures.push(status);
          served++;
          if (headers.connection === 'close') return;
        } catch (error) {
          failures.push(error);
          return;
        }
      }
    });
    await eventually(() => served > 100 || undefined, { what: 'some load' });
    expect(await plane.proxy.close({ graceMs: 20_000 })).toBe(0);
    await Promise.all(clients);
    expect(failures).toEqual([]);
  });

  it('cuts off after graceMs what has not ended, and says how much', async () => {
    const { upstream, inUpstream } = await heldUpstream();
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const calls = [call(plane.port), call(plane.port)].map((one) => one.catch((error: Error) => error.message));
    await inUpstream(2);
    const from = performance.now();
    expect(await plane.proxy.close({ graceMs: 100 })).toBe(2);
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(await Promise.all(calls)).toEqual(['socket hang up', 'socket hang up']);
    await expect.poll(() => upstream.open()).toBe(0);
    expect([plane.outcomes, plane.calls.map(({ answer }) => answer)]).toEqual([[], ['client-abort', 'client-abort']]);
  });

  it('without a call or a client closes at once', async () => {
    const plane = await startDataPlane(cleanup, [route()]);
    expect(await plane.proxy.close({ graceMs: 20_000 })).toBe(0);
  });
});

/** Of many routes one proxy is called for few: the others cost next to nothing, and are there at once when they are called. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Route } from '#http-proxy';
import { RouteReader } from '../../libs/http-proxy/src/route-reader.ts';
import { makeCertificate } from '../support/certificate.ts';
import { call, Cleanup, freePort, RawClient, route, startDataPlane, startUpstream, type DataPlane } from '../support/data-plane.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const named = (name: string) => startUpstream(cleanup, (_, response) => response.end(name));
const held = ({ proxy }: DataPlane) => proxy.stats().routes.map(({ route: name }) => name);
const head = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\n`;

describe('a route that nobody called', () => {
  it('has nothing made for it, from one configuration to the next, until somebody does', async () => {
    const upstream = await named('a');
    const routes = ['a', 'b', 'c'].map((name) => route({ name, host: `${name}.test`, targets: [upstream.target] }));
    const plane = await startDataPlane(cleanup, routes);
    expect(held(plane)).toEqual([]);
    for (const host of ['b.test', 'B.TEST.', `b.test:${plane.port}`, 'nobody.test']) await call(plane.port, { headers: { host } });
    expect(held(plane)).toEqual(['b']);
    expect(await plane.proxy.configure(routes)).toEqual([]);
    expect(held(plane)).toEqual(['b']);
    await call(plane.port, { headers: { host: 'c.test' } });
    expect(await plane.proxy.configure(routes.slice(0, 2))).toEqual([]);
    expect(held(plane)).toEqual(['b']);
  });

  it('is not asked what it would be served by; from its first call on that is kept', async () => {
    const { target } = await named('a');
    const asked = { limits: 0, targets: 0 };
    const counting: Route = Object.create(route(), {
      limits: { get: () => (asked.limits++, route().limits) },
      targets: { get: () => (asked.targets++, [target]) },
    }) as Route;
    const plane = await startDataPlane(cleanup, [counting]);
    expect(asked).toEqual({ limits: 0, targets: 1 });
    await call(plane.port);
    expect(asked).toEqual({ limits: 1, targets: 2 });
    await call(plane.port);
    expect(asked).toEqual({ limits: 1, targets: 2 });
  });

  it('is listened for where it has a listener of its own, and has its limits from its first client on', async () => {
    const upstream = await named('a');
    const limit = { amount: 1, periodMs: 3_600_000, burst: 0 };
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], listen: '127.0.0.1:0', rateLimits: { tcp: limit, paths: [] } })]);
    const port = Number(plane.proxy.addressOf('test/api')?.split(':')[1]);
    expect(held(plane)).toEqual([]);
    expect((await call(port)).body).toBe('a');
    expect(held(plane)).toEqual(['test/api']);
    await expect(call(port)).rejects.toThrow(/socket hang up|ECONNRESET/);
  });

  it('serves the client whose listener it was given, also where both are taken away before it calls', async () => {
    const [a, b] = await Promise.all([named('a'), named('b')]);
    const listen = `127.0.0.1:${await freePort()}`;
    const routes = [route({ name: 'a', host: 'a.test', targets: [a.target] }), route({ name: 'b', host: 'b.test', targets: [b.target] })] as const;
    const plane = await startDataPlane(cleanup, [{ ...routes[0], listen }, routes[1]]);
    const client = new RawClient(cleanup, Number(listen.split(':')[1])).send(`${head('a.test')}\r\n${head('a.test')}`);
    await client.until(/\r\n\r\n1\r\na|\r\n\r\na/);
    expect(await plane.proxy.configure([routes[0], { ...routes[1], listen }])).toEqual([]);
    expect(await plane.proxy.configure([])).toEqual([]);
    expect(held(plane)).toEqual([]);
    client.send('\r\n');
    expect(await client.untilClosed()).toMatch(/connection: close[\s\S]*b/i);
    expect(held(plane)).toEqual([]);
  });
});

describe('the files of TLS that many routes name', () => {
  const authority = makeCertificate({ commonName: 'Test authority' });

  function pem(content: string): string {
    const directory = mkdtempSync(join(tmpdir(), 'fuseboard-uncalled-'));
    cleanup.add(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'ca.pem'), content);
    return join(directory, 'ca.pem');
  }

  it('are read once; what is wrong with them, each route is told of', async () => {
    const [ca, key] = [pem(authority.cert), pem(authority.key)];
    const reader = new RouteReader();
    cleanup.add(() => reader.close());
    const routes = ['a', 'b', 'c'].map((name) => route({ name, host: `${name}.test`, ...(name === 'c' ? {} : { tls: { ca, serverName: name } }) }));
    expect(reader.readable(routes, []).size).toBe(3);
    const [one, other] = routes.map((each) => reader.read(each).tls?.files);
    expect(one).toBeDefined();
    expect(other).toBe(one);
    expect(reader.read(route({ tls: {} })).tls?.files).not.toBe(one);
    expect(reader.read(route({ tls: { ca, cert: ca, key } })).tls?.files).not.toBe(one);
    expect([...reader.problems(routes)]).toEqual([]);
    writeFileSync(ca, 'rubbish');
    await one?.look();
    const message = expect.stringContaining('ca.pem holds no certificate') as string;
    expect([...reader.problems(routes)]).toEqual(['a', 'b'].map((name) => ({ route: name, field: 'tls', message })));
  });

  it('are read again with the next routes, and each that names them is told of as not served', async () => {
    const ca = pem('rubbish');
    const routes = ['a', 'b'].map((name) => route({ name, host: `${name}.test`, tls: { ca } }));
    const plane = await startDataPlane(cleanup, []);
    const message = `tls.ca: ${ca} holds no certificate in PEM: nothing between BEGIN and END CERTIFICATE`;
    expect(await plane.proxy.configure(routes)).toEqual(['a', 'b'].map((name) => ({ route: name, field: 'tls', message })));
    expect((await call(plane.port, { headers: { host: 'a.test' } })).status).toBe(404);
    writeFileSync(ca, authority.cert);
    expect(await plane.proxy.configure(routes)).toEqual([]);
  });

  it('are looked at for the routes there are, and for no others', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    cleanup.add(() => vi.useRealTimers());
    const { proxy } = await startDataPlane(cleanup, []);
    const before = vi.getTimerCount();
    const routes = ['a', 'b'].map((name) => route({ name, host: `${name}.test`, tls: { ca: pem(authority.cert) } }));
    for (let n = 0; n < 3; n++) await proxy.configure([...routes, ...routes.map((each) => ({ ...each, name: `${each.name} again`, host: `again.${each.host}` }))]);
    expect(vi.getTimerCount() - before).toBe(2);
    await proxy.configure([]);
    expect(vi.getTimerCount() - before).toBe(0);
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import type { HttpRateLimit } from '#http-proxy';
import { call, Cleanup, RawClient, route, startDataPlane, startUpstream, type DataPlane, type RouteWords } from '../support/data-plane.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const http = (words: Partial<HttpRateLimit> = {}): HttpRateLimit => ({ amount: 2, periodMs: 3_600_000, burst: 1, statusCode: 429, headers: [], ...words });

async function planeOf(words: RouteWords): Promise<DataPlane & { seen: string[] }> {
  const seen: string[] = [];
  const { target } = await startUpstream(cleanup, (request, response) => {
    seen.push(request.url ?? '');
    response.end();
  });
  return Object.assign(await startDataPlane(cleanup, [route({ targets: [target], ...words })]), { seen });
}

async function statuses(plane: DataPlane, ...paths: readonly string[]): Promise<number[]> {
  const got: number[] = [];
  for (const path of paths) got.push((await call(plane.port, { path })).status);
  return got;
}

describe('a rate of requests', () => {
  it('lets amount and burst pass, then answers by itself: no outcome, counted', async () => {
    const plane = await planeOf({ rateLimits: { http: http(), paths: [] } });
    expect(await statuses(plane, '/', '/', '/', '/')).toEqual([200, 200, 200, 429]);
    expect([plane.seen.length, plane.outcomes.length, plane.calls.at(-1)]).toEqual([3, 3, { answer: 'rate-limited', statusCode: 429, route: 'test/api', upstream: 'api.test' }]);
  });

  it("answers with the policy's status and headers", async () => {
    const plane = await planeOf({ rateLimits: { http: http({ amount: 0, burst: 0, statusCode: 503, headers: ['X-Limit', 'api', 'Retry-After', '9'] }), paths: [] } });
    expect(await call(plane.port)).toMatchObject({ status: 503, headers: { 'x-limit': 'api', 'retry-after': '9', 'cache-control': 'no-store' } });
  });

  it("lets the policy's headers take the place of its own", async () => {
    const plane = await planeOf({ rateLimits: { http: http({ amount: 0, burst: 0, headers: ['Content-Type', 'application/json'] }), paths: [] } });
    const { rawHeaders } = await call(plane.port);
    expect(rawHeaders.filter((_, i) => rawHeaders[i - (i % 2)]?.toLowerCase() === 'content-type')).toEqual(['Content-Type', 'application/json']);
  });

  it('of a path counts beside the general one, without its query', async () => {
    const plane = await planeOf({ rateLimits: { http: http({ amount: 4, burst: 0 }), paths: [{ path: '/slow/.*', http: http({ amount: 1, burst: 0, statusCode: 420 }) }] } });
    expect(await statuses(plane, '/slow/a?x=/b', '/slow/b', '/slower', '/', '/', '/')).toEqual([200, 420, 200, 200, 200, 429]);
  });

  it('comes after the breaker: a refused call takes no token', async () => {
    const plane = await planeOf({ rateLimits: { http: http({ amount: 1, burst: 0 }), paths: [] } });
    const { decision } = plane;
    plane.decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'x' } };
    expect(await statuses(plane, '/', '/')).toEqual([409, 409]);
    plane.decision = decision;
    expect(await statuses(plane, '/', '/')).toEqual([200, 429]);
  });

  it('keeps its fill while the policy changes around it', async () => {
    const plane = await planeOf({ rateLimits: { http: http({ amount: 1, burst: 0 }), paths: [] } });
    const [before] = [route({ rateLimits: { http: http({ amount: 1, burst: 0 }), paths: [] }, limits: { maxConnections: 7 } })];
    expect(await statuses(plane, '/')).toEqual([200]);
    await plane.proxy.configure([before]);
    expect(await statuses(plane, '/')).toEqual([429]);
  });
});

it('a rate of connections closes those beyond it at once, on the listener of its route', async () => {
  const plane = await planeOf({ listen: '127.0.0.1:0', rateLimits: { tcp: { amount: 2, periodMs: 3_600_000, burst: 0 }, paths: [] } });
  const port = Number(plane.proxy.addressOf('test/api')?.split(':')[1]);
  const clients = [1, 2].map(() => new RawClient(cleanup, port).send('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
  for (const client of clients) await client.until(/^HTTP\/1\.1 200 /);
  expect(await new RawClient(cleanup, port).untilClosed()).toBe('');
  expect((await call(plane.port)).status).toBe(200);
});

it('a path that can not be matched keeps its route out of service, and says which', async () => {
  const { proxy } = await startDataPlane(cleanup, []);
  const bad = route({ rateLimits: { paths: [{ path: '(', http: http() }] } });
  expect(await proxy.configure([bad])).toEqual([{ route: 'test/api', field: 'rateLimits', message: '"(" is no RE2 expression' }]);
});

it('a path that can not be matched keeps each route that has it out of service', async () => {
  const { proxy } = await startDataPlane(cleanup, []);
  const routes = ['/a', '(', '/a', '('].map((path, n) => route({ name: `${n}`, host: `${n}.test`, rateLimits: { paths: [{ path, http: http() }] } }));
  expect((await proxy.configure(routes)).map(({ route: name }) => name)).toEqual(['1', '3']);
});

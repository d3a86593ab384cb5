import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'node:http';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call, Cleanup, route, startDataPlane, startRawUpstream, startUpstream } from '../support/data-plane.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** An upstream whose answers wait to be let go, one by one. */
async function heldUpstream() {
  const held: ServerResponse[] = [];
  const upstream = await startUpstream(cleanup, (_, response) => held.push(response));
  const inUpstream = (count: number) => eventually(() => held.length === count || undefined, { what: `${count} calls in the upstream`, everyMs: 2 });
  return { upstream, held, inUpstream, release: () => held.shift()?.end('done') };
}

describe('maxConnections 1, maxPendingRequests 1, maxRequestsPerConnection 1', () => {
  const limits = { maxConnections: 1, maxPendingRequests: 1, maxRequestsPerConnection: 1 };
  const CALLS = 300;

  it('under load: some 200, the rest 503; never two connections, never two requests on one', async () => {
    let held: { readonly response: ServerResponse; readonly from: number } | undefined;
    let answered = 0;
    // A call is held until ten others are answered, which are refused, or all that is left is itself and the one that waits.
    const letGo = () => {
      if (held === undefined || (answered < held.from + 10 && answered < CALLS - 2)) return;
      held.response.end('ok');
      held = undefined;
    };
    const upstream = await startUpstream(cleanup, (_, response) => {
      held = { response, from: answered };
      letGo();
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits })]);
    const agent = new Agent({ keepAlive: true, maxSockets: 3 });
    cleanup.add(() => agent.destroy());
    const answers = await Promise.all(Array.from({ length: CALLS }, () => call(plane.port, { agent }).finally(() => {
      answered++;
      letGo();
    })));
    const served = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status === 503);
    expect(served.length + refused.length).toBe(CALLS);
    expect(served.length).toBeGreaterThan(10);
    expect(refused.length).toBeGreaterThan(10);
    expect(refused.every(({ headers }) => headers['x-envoy-overloaded'] === 'true')).toBe(true);
    expect(upstream.mostOpen()).toBe(1);
    expect(upstream.requests()).toEqual(served.map(() => 1));
    expect(plane.outcomes).toHaveLength(served.length);
    expect(plane.calls.filter(({ answer }) => answer === 'overflow-pending')).toHaveLength(refused.length);
  });

  it('one call is served, one waits for it, the third is refused; the one that waited is served', async () => {
    const { upstream, inUpstream, release } = await heldUpstream();
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits })]);
    const first = call(plane.port);
    await inUpstream(1);
    const second = call(plane.port);
    await eventually(() => plane.proxy.stats().routes[0]?.pending === 1 || undefined, { what: 'a pending call' });
    expect(plane.proxy.stats().routes).toEqual([{ route: 'test/api', upstream: 'api.test', connections: 1, inFlight: 1, pending: 1 }]);
    expect(await call(plane.port)).toMatchObject({ status: 503, headers: { 'x-envoy-overloaded': 'true' } });
    release();
    await inUpstream(1);
    release();
    expect(await Promise.all([first, second])).toMatchObject([{ status: 200 }, { status: 200 }]);
    expect(upstream.mostOpen()).toBe(1);
  });

  it('two calls at once on a cold proxy are both served: one has the connection that is opened, one waits', async () => {
    const upstream = await startUpstream(cleanup, (_, response) => response.end('ok'));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits })]);
    expect(await Promise.all([call(plane.port), call(plane.port)])).toMatchObject([{ status: 200 }, { status: 200 }]);
  });

  it('clients that abort do not make a second connection either', async () => {
    const upstream = await startUpstream(cleanup, (_, response) => void sleep(5).then(() => response.end('ok')));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits })]);
    const calls = Array.from({ length: 60 }, async (_, i) => {
      await sleep(i * 3);
      if (i % 3 !== 0) return call(plane.port).catch(() => undefined);
      return call(plane.port, { signal: AbortSignal.timeout(4) }).catch(() => undefined);
    });
    await Promise.all(calls);
    expect(upstream.mostOpen()).toBe(1);
    expect(Math.max(...upstream.requests())).toBe(1);
    await expect.poll(() => plane.proxy.stats().routes[0]).toMatchObject({ connections: 0, inFlight: 0, pending: 0 });
  });
});

describe('maxConnections', () => {
  it('a connection that the upstream has not closed yet counts: the next waits for its end', async () => {
    const closers: (() => void)[] = [];
    const upstream = await startRawUpstream(cleanup, (socket) => {
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'));
      closers.push(() => socket.end());
    });
    const timeouts = { closeMs: 60_000 };
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxConnections: 1 } })], { timeouts });
    await call(plane.port);
    const second = call(plane.port);
    await eventually(() => plane.proxy.stats().routes[0]?.pending === 1 || undefined, { what: 'a pending call' });
    expect([closers.length, plane.proxy.stats().routes[0]?.connections]).toEqual([1, 1]);
    closers[0]?.();
    expect(await second).toMatchObject({ status: 200 });
    expect([closers.length, upstream.mostOpen()]).toEqual([2, 2 - 1]);
    closers[1]?.();
  });

  it('an upstream that never closes its side is reset after closeMs', async () => {
    const upstream = await startRawUpstream(cleanup, (socket) => {
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'));
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxConnections: 1 } })], { timeouts: { closeMs: 50 } });
    await call(plane.port);
    expect(await call(plane.port)).toMatchObject({ status: 200 });
  });

  it('0 serves nobody', async () => {
    const plane = await startDataPlane(cleanup, [route({ limits: { maxConnections: 0, maxPendingRequests: 0 } })]);
    expect(await call(plane.port)).toMatchObject({ status: 503 });
    expect(plane.calls).toMatchObject([{ answer: 'overflow-connections' }]);
    expect(plane.outcomes).toEqual([]);
  });
});

describe('maxRequests', () => {
  it('calls in flight beyond it are refused at once, however many connections there may be', async () => {
    const { upstream, inUpstream, release } = await heldUpstream();
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxRequests: 2 } })]);
    const calls = [call(plane.port), call(plane.port)];
    await inUpstream(2);
    expect(await call(plane.port)).toMatchObject({ status: 503, headers: { 'x-envoy-overloaded': 'true' } });
    release();
    expect(await Promise.race(calls)).toMatchObject({ status: 200 });
    calls.push(call(plane.port));
    await inUpstream(2);
    release();
    release();
    expect(await Promise.all(calls)).toMatchObject([{ status: 200 }, { status: 200 }, { status: 200 }]);
    expect(plane.calls.map(({ answer }) => answer)).toEqual(['overflow-requests', 'upstream', 'upstream', 'upstream']);
  });

  it('calls that wait for a connection are not in flight', async () => {
    const { upstream, inUpstream, release } = await heldUpstream();
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxRequests: 1, maxConnections: 1 } })]);
    const calls = [call(plane.port), call(plane.port), call(plane.port)];
    for (let i = 0; i < 3; i++) {
      await inUpstream(1);
      release();
    }
    expect(await Promise.all(calls)).toMatchObject([{ status: 200 }, { status: 200 }, { status: 200 }]);
  });
});

describe('maxRequestsPerConnection', () => {
  it('closes and replaces a connection after that many requests, and says so in the last', async () => {
    const last: (string | undefined)[] = [];
    const upstream = await startUpstream(cleanup, ({ headers }, response) => {
      last.push(headers.connection);
      response.end();
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxRequestsPerConnection: 3 } })]);
    for (let i = 0; i < 7; i++) await call(plane.port);
    expect(upstream.requests()).toEqual([3, 3, 1]);
    expect(last).toEqual([undefined, undefined, 'close', undefined, undefined, 'close', undefined]);
    expect(upstream.mostOpen()).toBe(1);
  });
});

describe('limits', () => {
  it('come after the breaker: while it is open, its degraded answer is given though all connections are taken', async () => {
    const { upstream, inUpstream, release } = await heldUpstream();
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxConnections: 1, maxPendingRequests: 0 } })]);
    const first = call(plane.port);
    await inUpstream(1);
    expect((await call(plane.port)).status).toBe(503);
    plane.decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'later' } };
    expect((await call(plane.port)).status).toBe(409);
    release();
    await first;
  });

  it('a call that waits longer than it could take is refused as overflow, and is no outcome', async () => {
    const { upstream, inUpstream, release } = await heldUpstream();
    const limits = { maxConnections: 1, connectTimeoutMs: 40 };
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits })], { timeouts: { responseHeadMs: 1_500 } });
    const first = call(plane.port);
    await inUpstream(1);
    const keepFirst = setTimeout(release, 800);
    cleanup.add(() => clearTimeout(keepFirst));
    const others = Array.from({ length: 3 }, () => call(plane.port));
    expect(await first).toMatchObject({ status: 200 });
    const statuses = (await Promise.all(others)).map(({ status }) => status).toSorted((a, b) => a - b);
    // The next got the connection and timed out there; those behind it never got one.
    expect(statuses).toEqual([503, 503, 504]);
    expect(plane.outcomes.map(({ result }) => result)).toEqual([
      { kind: 'status', code: 200 },
      { kind: 'failure', failure: 'timeout' },
    ]);
  });

  it('that are raised while calls wait let them through', async () => {
    const { upstream, inUpstream, release } = await heldUpstream();
    const targets = [upstream.target];
    const plane = await startDataPlane(cleanup, [route({ targets, limits: { maxConnections: 1 } })]);
    const calls = [call(plane.port), call(plane.port), call(plane.port)];
    await eventually(() => plane.proxy.stats().routes[0]?.pending === 2 || undefined, { what: 'two pending calls' });
    await plane.proxy.configure([route({ targets, limits: { maxConnections: 3 } })]);
    await inUpstream(3);
    for (let i = 0; i < 3; i++) release();
    expect(await Promise.all(calls)).toMatchObject([{ status: 200 }, { status: 200 }, { status: 200 }]);
    expect(upstream.mostOpen()).toBe(3);
  });

  it('that are lowered are reached as calls end', async () => {
    const { upstream, inUpstream, release } = await heldUpstream();
    const targets = [upstream.target];
    const plane = await startDataPlane(cleanup, [route({ targets })]);
    const calls = [call(plane.port), call(plane.port), call(plane.port)];
    await inUpstream(3);
    await plane.proxy.configure([route({ targets, limits: { maxConnections: 1 } })]);
    for (let i = 0; i < 3; i++) release();
    await Promise.all(calls);
    await expect.poll(() => upstream.open()).toBe(1);
  });
});

describe('several targets', () => {
  it('are used in turn, and each call says which it had', async () => {
    const upstreams = await Promise.all(['a', 'b', 'c'].map((name) => startUpstream(cleanup, (_, response) => response.end(name))));
    const plane = await startDataPlane(cleanup, [route({ targets: upstreams.map(({ target }) => target) })]);
    const bodies: string[] = [];
    for (let i = 0; i < 9; i++) bodies.push((await call(plane.port)).body);
    expect(bodies.join('')).toBe('abcabcabc');
    expect(plane.outcomes.map(({ target }) => target)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2].map((i) => upstreams[i]?.target));
    expect(upstreams.map(({ requests }) => requests())).toEqual([[3], [3], [3]]);
  });

  it('share one maxConnections: an idle connection to another target is used rather than none', async () => {
    const upstreams = await Promise.all(['a', 'b'].map((name) => startUpstream(cleanup, (_, response) => response.end(name))));
    const plane = await startDataPlane(cleanup, [route({ targets: upstreams.map(({ target }) => target), limits: { maxConnections: 1 } })]);
    for (let i = 0; i < 4; i++) expect((await call(plane.port)).status).toBe(200);
    expect(upstreams.map(({ mostOpen }) => mostOpen())).toEqual([1, 0]);
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { call, Cleanup, freePort, RawClient, route, startDataPlane, startRawUpstream, startUpstream, type DataPlane, type RouteWords } from '../support/data-plane.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const tries = (plane: DataPlane) => plane.outcomes.map(({ attempt, result }) => `${attempt} ${result.kind === 'status' ? result.code : result.kind === 'failure' ? result.failure : result.kind}`);
const answers = (plane: DataPlane) => plane.calls.map(({ answer, statusCode }) => `${answer} ${statusCode}`);

/** Answers as told, one status for each request; the last one for all that come after. */
async function upstreamOf(...statuses: readonly number[]) {
  const seen: string[] = [];
  const upstream = await startUpstream(cleanup, (request, response) => {
    const status = statuses[Math.min(seen.length, statuses.length - 1)] as number;
    seen.push(`${request.method} ${request.url}`);
    response.writeHead(status).end(`answer ${seen.length}`);
  });
  return { ...upstream, seen };
}

async function planeOf(words: RouteWords, options = {}): Promise<DataPlane> {
  return startDataPlane(cleanup, [route({ retries: { attempts: 2, on: [503, 'reset', 'refused'] }, ...words })], options);
}

describe('a call whose route asks for retries', () => {
  it('is tried again after a status that it names; each try is an outcome, and the caller gets one answer', async () => {
    const { target, seen } = await upstreamOf(503, 503, 200);
    const plane = await planeOf({ targets: [target] });
    expect(await call(plane.port, { path: '/a' })).toMatchObject({ status: 200, body: 'answer 3' });
    expect([seen, tries(plane), answers(plane)]).toEqual([['GET /a', 'GET /a', 'GET /a'], ['1 503', '2 503', '3 200'], ['upstream 200']]);
  });

  it('gets the last answer as it is once it has been tried often enough', async () => {
    const { target, seen } = await upstreamOf(503);
    const plane = await planeOf({ targets: [target] });
    expect(await call(plane.port)).toMatchObject({ status: 503, body: 'answer 3' });
    expect([seen.length, answers(plane)]).toEqual([3, ['upstream 503']]);
  });

  it('is tried again after a reset before the answer, by the next target', async () => {
    const broken = await startRawUpstream(cleanup, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    const { target } = await upstreamOf(200);
    const plane = await planeOf({ targets: [broken.target, target] });
    expect(await call(plane.port)).toMatchObject({ status: 200 });
    expect(tries(plane)).toEqual(['1 reset', '2 200']);
  });

  it('is tried again where nobody listens, its body with it: nothing of that had gone out', async () => {
    let body = '';
    const { target } = await startUpstream(cleanup, (request, response) => {
      request.on('data', (chunk: Buffer) => (body += chunk.toString())).on('end', () => response.end());
    });
    const plane = await planeOf({ targets: [`127.0.0.1:${await freePort()}`, target] });
    expect(await call(plane.port, { method: 'PUT', body: 'x'.repeat(100_000) })).toMatchObject({ status: 200 });
    expect([tries(plane), body.length]).toEqual([['1 refused', '2 200'], 100_000]);
  });

  it.each([
    ['a status that the route does not name', 500, { method: 'GET' }],
    ['a method that may not be repeated', 503, { method: 'POST' }],
    ['a body that has gone out', 503, { method: 'PUT', body: 'x' }],
  ])('is not tried again with %s', async (_, status, words) => {
    const { target, seen } = await upstreamOf(status, 200);
    const plane = await planeOf({ targets: [target] });
    expect(await call(plane.port, words)).toMatchObject({ status });
    expect([seen.length, tries(plane)]).toEqual([1, [`1 ${status}`]]);
  });

  it('is not tried again once a byte of the answer has been passed on', async () => {
    const upstream = await startRawUpstream(cleanup, (socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
        setTimeout(() => socket.resetAndDestroy(), 20);
      });
    });
    const plane = await planeOf({ targets: [upstream.target] });
    const text = await new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n').untilClosed();
    expect([text.endsWith('half'), tries(plane), answers(plane)]).toEqual([true, ['1 200'], ['reset 200']]);
  });

  it('is not tried again by a breaker that has opened meanwhile: the answer that came stands', async () => {
    const { target, seen } = await upstreamOf(503, 200);
    const plane = await planeOf({ targets: [target] }, { report: () => (plane.decision = { kind: 'refuse', degraded: { statusCode: 520, content: '' } }) });
    expect(await call(plane.port)).toMatchObject({ status: 503, body: 'answer 1' });
    expect(seen).toHaveLength(1);
  });

  it('beyond maxRetries is refused as overloaded', async () => {
    const { target } = await upstreamOf(503, 200);
    const plane = await planeOf({ targets: [target], limits: { maxRetries: 0 } });
    expect(await call(plane.port)).toMatchObject({ status: 503, headers: { 'x-envoy-overloaded': 'true' } });
    expect(answers(plane)).toEqual(['overflow-retries 503']);
  });

  it('never makes more retries at once than a fifth of the calls, and three', async () => {
    let open = 0;
    let mostOpen = 0;
    const held: (() => void)[] = [];
    const { target } = await startUpstream(cleanup, (request, response) => {
      const isRetry = plane.outcomes.filter(({ target: at }) => at === target).length >= 20;
      if (!isRetry) return void held.push(() => response.writeHead(503).end());
      mostOpen = Math.max(mostOpen, ++open);
      setTimeout(() => {
        open--;
        response.end(request.url);
      }, 30);
    });
    const plane = await planeOf({ targets: [target] });
    const calls = Array.from({ length: 20 }, () => call(plane.port));
    await expect.poll(() => held.length).toBe(20);
    for (const answer of held) answer();
    const got = await Promise.all(calls);
    const retried = got.filter(({ status }) => status === 200).length;
    expect(mostOpen).toBeLessThanOrEqual(4);
    expect(retried).toBeLessThanOrEqual(4);
    expect(got.filter(({ status }) => status === 503)).toHaveLength(20 - retried);
  });
});

it('a route that asks for none gets none', async () => {
  const { target, seen } = await upstreamOf(503, 200);
  const plane = await startDataPlane(cleanup, [route({ targets: [target] })]);
  expect((await call(plane.port)).status).toBe(503);
  expect(seen).toHaveLength(1);
});

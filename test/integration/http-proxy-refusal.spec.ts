import { afterEach, describe, expect, it } from 'vitest';
import type { Decision } from '#http-proxy';
import { call, Cleanup, headerLines, keptAgent, RawClient, route, startDataPlane, startUpstream } from '../support/data-plane.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const refuse = (words: Partial<Extract<Decision, { kind: 'refuse' }>> = {}): Decision => ({
  kind: 'refuse',
  degraded: { statusCode: 409, content: 'Coming soon ...' },
  ...words,
});

async function refusingPlane(decision: Decision, now = () => 1_000_000) {
  const upstream = await startUpstream(cleanup, (_, response) => response.end('never'));
  const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { now });
  plane.decision = decision;
  return { upstream, plane };
}

describe('while its breaker is open, a call', () => {
  it("gets the policy's answer with all its marks, and the upstream sees nothing", async () => {
    const { upstream, plane } = await refusingPlane(refuse({ untilMs: 1_014_001 }));
    const { status, rawHeaders, body } = await call(plane.port, { agent: keptAgent(cleanup) });
    expect([status, body]).toEqual([409, 'Coming soon ...']);
    expect(headerLines(rawHeaders).filter((line) => !line.startsWith('date: '))).toEqual([
      'x-fuseboard-state: open',
      'retry-after: 15',
      'content-type: text/plain; charset=utf-8',
      'cache-control: no-store',
      'content-length: 15',
    ]);
    expect(upstream.mostOpen()).toBe(0);
    expect(plane.outcomes).toEqual([]);
    expect(plane.calls).toEqual([{ answer: 'degraded', statusCode: 409, route: 'test/api', upstream: 'api.test' }]);
    expect(plane.asked).toEqual(['api.test']);
  });

  it.each([
    ['the seconds left, rounded up', 1_000_001, '1'],
    ['1 at least, though the time is over', 999_000, '1'],
    ['60 of 60', 1_060_000, '60'],
  ])('is told to come back in %s', async (_, untilMs, seconds) => {
    const { plane } = await refusingPlane(refuse({ untilMs }));
    expect((await call(plane.port)).headers['retry-after']).toBe(seconds);
  });

  it('is told less each time, as time goes by', async () => {
    let nowMs = 1_000_000;
    const { plane } = await refusingPlane(refuse({ untilMs: 1_010_000 }), () => nowMs);
    const seconds: (string | undefined)[] = [];
    for (const passed of [0, 1, 999, 1_000, 5_500]) {
      nowMs = 1_000_000 + passed;
      seconds.push((await call(plane.port)).headers['retry-after']);
    }
    expect(seconds).toEqual(['10', '10', '10', '9', '5']);
  });

  it('is not told when to come back where there is no end', async () => {
    const { plane } = await refusingPlane(refuse());
    expect((await call(plane.port)).headers).not.toHaveProperty('retry-after');
  });

  it('gets content beyond ASCII in UTF-8', async () => {
    const { plane } = await refusingPlane(refuse({ degraded: { statusCode: 503, content: 'grüße ☕' } }));
    const { body, headers } = await call(plane.port);
    expect([Buffer.from(body, 'latin1').toString(), headers['content-length']]).toEqual(['grüße ☕', '11']);
  });

  it('to HEAD gets the head alone, and one with 204 no body', async () => {
    const { plane } = await refusingPlane(refuse());
    const client = new RawClient(cleanup, plane.port).send('HEAD / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    await client.until(/^HTTP\/1\.1 409 [\s\S]*content-length: 15\r\n[\s\S]*\r\n\r\n$/);
    plane.decision = refuse({ degraded: { statusCode: 204, content: 'unseen' } });
    client.text = '';
    client.send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    expect((await client.until(/^HTTP\/1\.1 204 [\s\S]*\r\n\r\n$/))[0]).not.toContain('content-length');
  });

  it.each([
    ['a short body', 'Content-Length: 5\r\n\r\nhello'],
    ['a short body in pieces', 'Content-Length: 5\r\n\r\nhe'],
  ])('with %s leaves the connection in step for the next', async (_, rest) => {
    const { plane } = await refusingPlane(refuse());
    const client = new RawClient(cleanup, plane.port).send(`POST / HTTP/1.1\r\nHost: api.test\r\n${rest}`);
    await client.until(/^HTTP\/1\.1 409/);
    if (rest.endsWith('he')) client.send('llo');
    client.send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    await client.until(/409[\s\S]*409/);
    expect(client.answers).toBe(2);
    expect(client.text).not.toContain('400');
  });

  it.each([
    ['of 10 MB', `Content-Length: 10000000\r\n\r\n${'x'.repeat(200_000)}`],
    ['in chunks without end', `Transfer-Encoding: chunked\r\n\r\n${`10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(3)}`],
  ])('with a body %s gets its answer, and the connection ends without reading it all', async (_, rest) => {
    const { plane } = await refusingPlane(refuse());
    const client = new RawClient(cleanup, plane.port).send(`POST / HTTP/1.1\r\nHost: api.test\r\n${rest}`);
    const text = await client.untilClosed();
    expect(text).toMatch(/^HTTP\/1\.1 409 [\s\S]*connection: close[\s\S]*Coming soon \.\.\.$/);
  });

  it('that expects 100-continue gets the answer instead, and the connection closes', async () => {
    const { plane } = await refusingPlane(refuse());
    const client = new RawClient(cleanup, plane.port).send('POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 409 [\s\S]*connection: close/);
  });
});

describe('each call', () => {
  it('is decided once, by the name of its breaker, and its outcome carries the decision back', async () => {
    const upstream = await startUpstream(cleanup, (_, response) => response.writeHead(511).end());
    const plane = await startDataPlane(cleanup, [route({ upstream: 'api.test:80', targets: [upstream.target] })]);
    await call(plane.port);
    expect(plane.asked).toEqual(['api.test:80']);
    const { durationMs, ...outcome } = plane.outcomes[0]!;
    expect(outcome).toEqual({
      upstream: 'api.test:80',
      route: 'test/api',
      decision: plane.decision,
      result: { kind: 'status', code: 511 },
      target: upstream.target,
      attempt: 1,
    });
    expect(outcome.decision).toBe(plane.decision);
    expect(durationMs).toBeGreaterThan(0);
    expect(durationMs).toBeLessThan(5_000);
  });

  it('of a route without a breaker passes, is not decided and not reported', async () => {
    const upstream = await startUpstream(cleanup, (_, response) => response.end('ok'));
    const { upstream: breaker, ...bare } = route({ targets: [upstream.target] });
    expect(breaker).toBe('api.test');
    const plane = await startDataPlane(cleanup, [bare]);
    plane.decision = refuse();
    expect((await call(plane.port)).status).toBe(200);
    expect([plane.asked, plane.outcomes]).toEqual([[], []]);
    expect(plane.calls).toEqual([{ answer: 'upstream', statusCode: 200, route: 'test/api' }]);
  });
});

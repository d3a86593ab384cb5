import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ConsoleStage, type Changes, type StageOptions } from '../support/console-stage.ts';
import { eventually } from '../support/eventually.ts';

const stages: ConsoleStage[] = [];
afterEach(() => Promise.all(stages.splice(0).map((each) => each.close())));

async function stage(options?: StageOptions): Promise<ConsoleStage> {
  const own = await ConsoleStage.start(options);
  stages.push(own);
  return own;
}

/** A console that knows these. */
async function started(...changes: Changes): Promise<ConsoleStage> {
  const own = await stage();
  await own.commit(...changes);
  await own.becomesReady();
  return own;
}

async function json(answer: Promise<Response>): Promise<[number, unknown]> {
  const { status, ...response } = await answer.then(async (each) => ({ status: each.status, body: await each.json() }));
  return [status, response.body];
}

describe('/api/v1/breakers/{upstream}/outcomes', () => {
  it('gives what was reported lately, by time and by reporter, and one outcome by its offset', async () => {
    const own = await started({ upstream: 'a.test' }, { upstream: 'b.test' });
    const outcome = { upstream: 'a.test', atMs: Date.now(), reporter: 'proxy-a', id: 'x/1', count: 3, durationMs: 4.5, result: { kind: 'status', code: 503 } } as const;
    await own.store.outcomes.append([outcome, { ...outcome, upstream: 'b.test' }]);
    const [status, recent] = await json(own.get('/api/v1/breakers/a.test/outcomes?span_s=600'));
    const tally = { calls: 3, errors: 3, slow: 0 };
    const one = { offset: 0, appended_at: expect.any(String) as string, at: new Date(outcome.atMs).toISOString(), result: { status: 503 }, error: true, slow: false, duration_ms: 4.5, count: 3, reporter: 'proxy-a', id: 'x/1' };
    expect([status, recent]).toEqual([
      200,
      {
        partition: 0,
        from: { offset: 0, at: expect.any(String) as string },
        whole: true,
        bucket_ms: 10_000,
        buckets: [{ at: expect.any(String) as string, ...tally }],
        reporters: [{ reporter: 'proxy-a', ...tally, last_at: expect.any(String) as string }],
        last: [one],
      },
    ]);
    expect(await json(own.get('/api/v1/breakers/a.test/outcomes/0'))).toEqual([200, one]);
  });

  it.each([
    ['/api/v1/breakers/a.test/outcomes?span_s=1', 400, 'span_s: found "1", allowed: 120, 600, 3600'],
    ['/api/v1/breakers/a.test/outcomes/x', 400, 'offset: found "x", allowed: a whole number'],
    ['/api/v1/breakers/a.test/outcomes/1', 404, 'there is no outcome of a.test at offset 1 of partition 0'],
    ['/api/v1/breakers/nobody.test/outcomes', 404, 'there is no upstream nobody.test'],
  ])('answers %s with %d', async (path, status, message) => {
    const own = await started({ upstream: 'a.test' });
    const [found, body] = await json(own.get(path));
    expect([found, body]).toEqual([status, { error: { code: status === 404 ? 'not-found' : 'invalid', message: expect.stringContaining(message) as string } }]);
  });

  it('says that it could not read, and not that there was nothing', async () => {
    const own = await stage({ drivers: ({ reader }) => ({ reader: { run: () => Promise.reject(new Error()), bounds: () => Promise.reject(new Error('this login lacks Read on topic fuseboard.outcomes')), read: (...of) => reader.read(...of) } }) });
    await own.commit({ upstream: 'a.test' });
    await own.becomesReady();
    expect(await json(own.get('/api/v1/breakers/a.test/outcomes'))).toEqual([503, { error: { code: 'unavailable', message: "this console's Kafka login may not read the outcomes (docs/kafka.md)" } }]);
  });
});

describe('/api/v1/breakers', () => {
  it('gives breakers with the names of the proto, times as RFC 3339 and states as words', async () => {
    const sinceMs = Date.now();
    const own = await started({ upstream: 'a.test', state: 'open', admit: 0, generation: 4, sinceMs, untilMs: sinceMs + 60_000 });
    const breaker = {
      upstream: 'a.test',
      state: 'open',
      admit: 0,
      incarnation: 1,
      generation: 4,
      since: new Date(sinceMs).toISOString(),
      open_until: new Date(sinceMs + 60_000).toISOString(),
      window: { total: 0, errors: 0, slow: 0 },
      policy: { name: 'p', namespace: 'n', version: '0123456789ab' },
      position: { partition: 0, next_offset: 2 },
    };
    expect(await json(own.get('/api/v1/breakers'))).toEqual([200, { breakers: [breaker], next_page_token: '' }]);
    expect(await json(own.get('/api/v1/breakers/a.test'))).toEqual([200, breaker]);
  });

  it('gives pages and filters as gRPC does', async () => {
    const own = await started({ upstream: 'a.test' }, { upstream: 'b.test' }, { upstream: 'c.test', state: 'open', admit: 0 });
    const page = (await (await own.get('/api/v1/breakers?page_size=2')).json()) as { breakers: { upstream: string }[]; next_page_token: string };
    expect(page.breakers.map(({ upstream }) => upstream)).toEqual(['a.test', 'b.test']);
    const rest = (await (await own.get(`/api/v1/breakers?page_token=${page.next_page_token}`)).json()) as typeof page;
    expect([rest.breakers.map(({ upstream }) => upstream), rest.next_page_token]).toEqual([['c.test'], '']);
    const open = (await (await own.get('/api/v1/breakers?state=open')).json()) as typeof page;
    expect(open.breakers.map(({ upstream }) => upstream)).toEqual(['c.test']);
  });

  it("gives an upstream with a port in its name, and an upstream's history, newest first", async () => {
    const own = await started({ upstream: 'a.test:8080' });
    for (const generation of [2, 3]) await own.transition({ upstream: 'a.test:8080', generation });
    expect((await json(own.get('/api/v1/breakers/a.test:8080')))[0]).toBe(200);
    expect(await json(own.get('/api/v1/breakers/a.test:8080/transitions?page_size=1'))).toEqual([
      200,
      {
        transitions: [
          {
            upstream: 'a.test:8080',
            incarnation: 1,
            generation: 3,
            from: 'closed',
            to: 'open',
            at: '2026-09-21T14:13:20.000Z',
            reason: '10 errors of 10 calls reached errorAmountThreshold 10',
            cause: { kind: 'outcome', partition: 0, offset: 7, id: 'x/1' },
            window: { started_at: '2026-09-21T14:13:19.000Z', total: 10, errors: 10, slow: 0 },
            policy: { name: 'p', namespace: 'n', version: '0123456789ab' },
            open_until: '2026-09-21T14:13:35.000Z',
          },
        ],
        next_page_token: expect.stringMatching(/./),
      },
    ]);
  });

  it.each([
    ['/api/v1/breakers/nobody.test', 404, { code: 'not-found' }, 'there is no upstream nobody.test: no policy with circuitBreaking names that host'],
    ['/api/v1/breakers/nobody.test/transitions', 404, { code: 'not-found' }, 'there is no upstream nobody.test'],
    ['/api/v1/breakers?state=ajar', 400, { code: 'invalid' }, 'state: found "ajar", allowed: open or closed'],
    ['/api/v1/breakers?page_size=0.5', 400, { code: 'invalid' }, 'page_size: found "0.5", allowed: 1 to 1000, or 0 for 100'],
    ['/api/v1/breakers?page_size=-1', 400, { code: 'invalid' }, 'page_size: found "-1", allowed: 1 to 1000'],
    ['/api/v1/breakers?page_size=1001', 400, { code: 'invalid' }, 'page_size: found 1001, allowed: 1 to 1000'],
    ['/api/v1/breakers?page_token=x', 400, { code: 'invalid' }, 'page_token: found one that no page of this question gave'],
    ['/api/v1/breakers?state=open&state=closed', 400, { code: 'invalid' }, 'state: found it more than once, allowed: one value'],
    ['/api/v1/nothing', 404, { code: 'not-found' }, 'Cannot GET /api/v1/nothing'],
    ['/api/v1/breakers/%', 400, { code: 'invalid' }, ''],
  ])('%s is answered %d, as JSON', async (...[path, status, { code }, message]) => {
    const own = await started();
    expect(await json(own.get(path))).toEqual([status, { error: { code, message: expect.stringContaining(message) } }]);
  });

  it.each([
    ['no JSON', '{"a":', {}, 400, 'invalid', /^body: .*JSON/],
    ['too large', JSON.stringify({ document: 'x'.repeat(2_097_152) }), {}, 413, 'too-large', /^body: more than 2097152 bytes$/],
    ['packed in a way that is not known', '{}', { 'content-encoding': 'xz' }, 415, 'unsupported', /^body: .*"xz"/],
  ])('a body that is %s is refused by its name', async (...[, body, headers, status, code, message]) => {
    const own = await started();
    const answer = own.get('/api/v1/policies', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
    expect(await json(answer)).toEqual([status, { error: { code, message: expect.stringMatching(message) as string } }]);
  });

  it('before the states are known is answered 503, and says why', async () => {
    const own = await stage({ stored: false });
    const [status, body] = await json(own.get('/api/v1/breakers'));
    expect([status, body]).toEqual([503, { error: { code: 'unavailable', message: expect.stringContaining('the store has no states of partition 0 yet') } }]);
  });
});

describe('health', () => {
  it('is alive from the start, and ready once documents and states are loaded', async () => {
    const own = await stage({ stored: false });
    expect((await own.get('/healthz')).status).toBe(200);
    const ready = await own.get('/readyz');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ status: 'not-ready', missing: expect.arrayContaining([expect.objectContaining({ name: 'console states' })]) });
    await own.commit();
    await own.becomesReady();
  });

  it('says what can not be read, and gets ready when it can be again', async () => {
    let tries = 0;
    const own = await stage({
      drivers: (store) => ({
        documentFeed: store.documentFeed, control: store.control, partitions: store.partitions,
        transitions: store.transitions,
        stateFeed: { follow: (listener) => ((tries += 1) < 3 ? Promise.reject(new Error('the store is out of reach')) : store.stateFeed.follow(listener)) },
      }),
    });
    const first = await own.get('/readyz');
    expect(JSON.stringify(await first.json())).toContain("the states can't be read: the store is out of reach");
    await own.becomesReady();
    expect(tries).toBe(3);
  });

  it('shows breakers by state, and each, in the metrics', async () => {
    const own = await started({ upstream: 'a.test' }, { upstream: 'b.test', state: 'open', admit: 0 });
    const text = await (await own.get('/metrics')).text();
    expect(text).toContain('fuseboard_breakers{state="closed"} 1');
    expect(text).toContain('fuseboard_breakers{state="open"} 1');
    expect(text).toContain('fuseboard_breaker_admit{upstream="b.test"} 0');
    expect(text).toMatch(/fuseboard_state_age_seconds\{partition="0"\} 0\.\d|fuseboard_state_age_seconds\{partition="0"\} 0$/m);
  });
});

describe('every answer', () => {
  it('has the security headers, and nothing that opens it to other sites', async () => {
    const own = await started();
    for (const path of ['/healthz', '/api/v1/breakers', '/nothing', '/metrics']) {
      const { headers } = await own.get(path, { headers: { origin: 'http://evil.test' } });
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });
});

describe('beyond loopback', () => {
  const OPEN = { FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:0', FUSEBOARD_GRPC_LISTEN: '0.0.0.0:0' };

  it('reads need the token, health does not', async () => {
    const own = await stage({ env: { ...OPEN, FUSEBOARD_TOKEN: 'hush' } });
    const refused = await own.get('/api/v1/breakers');
    expect([refused.status, refused.headers.get('www-authenticate'), await refused.json()]).toEqual([
      401,
      'Bearer',
      { error: { code: 'unauthenticated', message: 'a bearer token is needed (FUSEBOARD_TOKEN)' } },
    ]);
    expect((await own.get('/metrics')).status).toBe(401);
    expect((await own.get('/api/v1/breakers', { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
    expect((await own.get('/healthz')).status).toBe(200);
    const granted = { headers: { authorization: 'Bearer hush' } };
    await eventually(async () => ((await own.get('/api/v1/breakers', granted)).status === 200 ? true : undefined), { what: 'the list' });
  });

  it('FUSEBOARD_ANONYMOUS=read lets reads pass', async () => {
    const own = await stage({ env: { ...OPEN, FUSEBOARD_ANONYMOUS: 'read' } });
    await eventually(async () => ((await own.get('/api/v1/breakers')).status === 200 ? true : undefined), { what: 'the list' });
    expect((await own.get('/api/v1/breakers', { method: 'POST' })).status).toBe(401);
  });
});

describe('the start', () => {
  it('names the variable when a port is in use, and lets the other port go', async () => {
    const own = await started();
    const { httpAddress, grpcAddress } = own.console;
    await expect(ConsoleStage.start({ env: { FUSEBOARD_CONSOLE_LISTEN: `127.0.0.1:${httpAddress.port}` } })).rejects.toThrow(
      `FUSEBOARD_CONSOLE_LISTEN (--console): 127.0.0.1:${httpAddress.port} is in use by another process: stop that one, or choose another port`,
    );
    await expect(ConsoleStage.start({ env: { FUSEBOARD_GRPC_LISTEN: `127.0.0.1:${grpcAddress.port}` } })).rejects.toThrow(
      `FUSEBOARD_GRPC_LISTEN (--grpc): 127.0.0.1:${grpcAddress.port} is in use by another process: stop that one, or choose another port`,
    );
  });
});

describe('the stop', () => {
  it('does not wait for a connection that nobody uses', async () => {
    const own = await started();
    const socket = connect(own.console.httpAddress.port, '127.0.0.1');
    await eventually(() => (socket.readyState === 'open' ? true : undefined), { what: 'the connection' });
    const began = performance.now();
    await own.console.close();
    expect(performance.now() - began).toBeLessThan(5_000);
    socket.destroy();
  });
});

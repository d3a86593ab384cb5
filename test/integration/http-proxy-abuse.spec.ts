import fc from 'fast-check';
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call, Cleanup, RawClient, route, startDataPlane, startRawUpstream, startUpstream, type DataPlane } from '../support/data-plane.ts';

/** What reached the upstream, byte for byte. */
let reached = '';
const shared = new Cleanup();
const cleanup = new Cleanup();
let plane: DataPlane;

beforeAll(async () => {
  const upstream = await startRawUpstream(shared, (socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      reached += chunk.toString('latin1');
      text += chunk.toString('latin1');
      if (!/\r\n\r\n/.test(text)) return;
      text = '';
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    socket.on('end', () => socket.end());
  });
  plane = await startDataPlane(shared, [route({ targets: [upstream.target] })], { timeouts: { clientHeadMs: 300, clientCheckMs: 50 } });
});
afterAll(() => shared.run());
afterEach(() => cleanup.run());

const GET = 'GET / HTTP/1.1\r\nHost: api.test\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: api.test\r\n';
const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';

describe('what two parsers could read differently is refused, the connection closed, and nothing of it goes on:', () => {
  it.each([
    ['two Host headers', `${GET}Host: api.test\r\n\r\n`, 400],
    ['two Host headers that differ in case only', `${GET}HOST: other.test\r\n\r\n`, 400],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400],
    ['a Host with userinfo', 'GET / HTTP/1.1\r\nHost: x@api.test\r\n\r\n', 400],
    ['a Host with a path', 'GET / HTTP/1.1\r\nHost: api.test/x\r\n\r\n', 400],
    ['a list of Hosts', 'GET / HTTP/1.1\r\nHost: api.test, other.test\r\n\r\n', 400],
    ['a Host that is an address with a path', 'GET / HTTP/1.1\r\nHost: 127.0.0.1:80#api.test\r\n\r\n', 400],
    ['HTTP/0.9', 'GET /\r\n\r\n', 400],
    ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: api.test\r\n\r\n', 400],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['length and chunks', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['chunks and length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`, 400],
    ['two lengths', `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, 400],
    ['a list of lengths', `${POST}Content-Length: 5, 5\r\n\r\nhello`, 400],
    ['a signed length', `${POST}Content-Length: +5\r\n\r\nhello`, 400],
    ['a hexadecimal length', `${POST}Content-Length: 0x5\r\n\r\nhello`, 400],
    ['an empty length', `${POST}Content-Length:\r\n\r\n`, 400],
    ['a length beyond all numbers', `${POST}Content-Length: 99999999999999999999\r\n\r\n`, 400],
    ['a length that no double holds', `${POST}Content-Length: 9007199254740993\r\n\r\n`, 400],
    ['chunks twice', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['chunks under another coding', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
    ['an empty coding before chunks', `${POST}Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n`, 501],
    ['chunks that are not last', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, 400],
    ['xchunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 501],
    ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a folded header', `${GET}X-A: 1\r\n 2\r\n\r\n`, 400],
    ['a bare LF', 'GET / HTTP/1.1\nHost: api.test\n\n', 400],
    ['a bare CR in a value', `${GET}X-A: 1\rX-B: 2\r\n\r\n`, 400],
    ['a NUL in a value', `${GET}X-A: 1\0\r\n\r\n`, 400],
    ['a header without a name', `${GET}: 1\r\n\r\n`, 400],
    ['a header without a colon', `${GET}X-A\r\n\r\n`, 400],
    ['a target without a slash', 'GET api.test HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['a target with a fragment', 'GET /a#b HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['an absolute target with a fragment', 'GET http://api.test/a#b HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['an absolute target with userinfo', 'GET http://api.test@evil.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['an absolute target of another scheme', 'GET ftp://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['* for another method than OPTIONS', 'GET * HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['an unknown method', 'FOO / HTTP/1.1\r\nHost: api.test\r\n\r\n', 400],
    ['an expectation that is none', `${POST}Content-Length: 0\r\nExpect: y 100-continue\r\n\r\n`, 417],
    ['an expectation of something else', `${POST}Content-Length: 0\r\nExpect: 200-ok\r\n\r\n`, 417],
    ['an upgrade to WebSocket', `${GET}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, 400],
    ['an upgrade to h2c or something else', `${GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, websocket\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`, 400],
    ['an upgrade with a body', `${POST}Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\nhello`, 400],
    ['Connection that names Host', `${GET}Connection: close, Host\r\n\r\n`, 400],
    ['Connection that names the length', `${POST}Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello`, 400],
    ['Connection that names Authorization', `${GET}Connection: authorization\r\nAuthorization: x\r\n\r\n`, 400],
    ['Connection that names what proxies add', `${GET}Connection: X-Forwarded-For\r\n\r\n`, 400],
    ['CONNECT', 'CONNECT api.test:80 HTTP/1.1\r\nHost: api.test\r\n\r\n', 405],
    ['101 headers', `${GET}${Array.from({ length: 100 }, (_, i) => `X-${i}: 1\r\n`).join('')}\r\n`, 431],
    ['3,000 headers', `${GET}${Array.from({ length: 3_000 }, (_, i) => `X:${i}\r\n`).join('')}\r\n`, 431],
    ['a head of 20,000 bytes', `${GET}X-A: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['a target of 20,000 bytes', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: api.test\r\n\r\n`, 431],
  ])('%s', async (_, bytes, status) => {
    reached = '';
    const before = plane.calls.length;
    const text = await new RawClient(cleanup, plane.port).send(`${bytes}GET /smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n`).untilClosed();
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(reached).toBe('');
    expect(plane.calls.slice(before)).toEqual([{ answer: 'bad-request', statusCode: status }]);
  });

  it.each([
    ['a size that is none', 'xyz\r\n'],
    ['a hexadecimal prefix', '0x5\r\nhello\r\n'],
    ['a sign', '+5\r\nhello\r\n'],
    ['a size without CR', '5\nhello\r\n'],
    ['an end without CRLF', '5\r\nhelloXX0\r\n\r\n'],
    ['a size beyond all numbers', 'ffffffffffffffffff\r\n'],
  ])('a chunk with %s: the request never ends for the upstream, the client gets 400', async (_, chunk) => {
    let isComplete = false;
    let isClosed = false;
    const upstream = await startUpstream(cleanup, (incoming) => {
      incoming
        .on('error', () => undefined)
        .on('end', () => (isComplete = true))
        .on('close', () => (isClosed = true))
        .resume();
    });
    const own = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const client = new RawClient(cleanup, own.port).send(`${POST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    await expect.poll(() => upstream.open()).toBe(1);
    expect(await client.send(chunk).untilClosed()).toMatch(/^HTTP\/1\.1 400 /);
    await expect.poll(() => isClosed).toBe(true);
    expect([isComplete, own.outcomes, own.calls.map(({ answer }) => answer)]).toEqual([false, [], ['bad-request']]);
  });
});

describe('what is odd but clear is served:', () => {
  it.each([
    ['a length with leading zeros, passed on as one number', `${POST}Content-Length: 0005\r\n\r\nhello`, /\r\nContent-Length: 5\r\n\r\nhello$/],
    ['an absolute target that differs from Host', 'GET http://api.test/x HTTP/1.1\r\nHost: evil.test\r\n\r\n', /^GET \/x HTTP\/1\.1\r\nHost: api\.test\r\n\r\n$/],
    ['a target that looks like a host', 'GET //evil.test/x HTTP/1.1\r\nHost: api.test\r\n\r\n', /^GET \/\/evil\.test\/x HTTP\/1\.1\r\n/],
    ['__proto__ as a header', `${GET}__proto__: 1\r\n\r\n`, /\r\n__proto__: 1\r\n/],
    ['Upgrade that Connection does not name, left out', `${GET}Upgrade: websocket\r\n\r\n`, /^GET \/ HTTP\/1\.1\r\nHost: api\.test\r\n\r\n$/],
    ['an upgrade to h2c, left aside', `${GET}${H2C}\r\n`, /^GET \/ HTTP\/1\.1\r\nHost: api\.test\r\n\r\n$/],
    ['an upgrade to h2c with a body, left aside', `${POST}${H2C}Content-Length: 5\r\n\r\nhello`, /^POST \/ HTTP\/1\.1\r\nHost: api\.test\r\nContent-Length: 5\r\n\r\nhello$/],
    ['an empty line before the request', `\r\n${GET}\r\n`, /^GET \/ /],
    ['HTTP/1.0 with Host', 'GET / HTTP/1.0\r\nHost: api.test\r\n\r\n', /^GET \/ HTTP\/1\.1\r\nHost: api\.test\r\n\r\n$/],
  ])('%s', async (_, bytes, passed) => {
    reached = '';
    const client = new RawClient(cleanup, plane.port).send(bytes);
    await client.until(/^HTTP\/1\.1 200 /);
    await expect.poll(() => reached).toMatch(passed);
  });
});

it.each([
  ['in one packet', `GET /next HTTP/1.1\r\nHost: api.test\r\n\r\n`, ''],
  ['of which one packet has the beginning', 'GET /next HTTP/1.1\r\n', `Host: api.test\r\n\r\n${GET}\r\n`],
])('nothing is served behind an upgrade that is left aside, %s', async (_, next, rest) => {
  reached = '';
  const client = new RawClient(cleanup, plane.port).send(`${POST}${H2C}Content-Length: 5\r\n\r\nhello${next}`);
  await client.until(/^HTTP\/1\.1 200 /);
  expect(await client.send(rest).untilClosed()).toMatch(/^HTTP\/1\.1 200 [^]*\r\nconnection: close\r\n[^]*ok$/i);
  expect([client.answers, reached.match(/HTTP\/1\.1/g)?.length]).toEqual([1, 1]);
});

describe('a caller chooses no address:', () => {
  it.each([
    ['by Host', (victim: string) => `GET / HTTP/1.1\r\nHost: ${victim}\r\n\r\n`],
    ['by an absolute target', (victim: string) => `GET http://${victim}/ HTTP/1.1\r\nHost: api.test\r\n\r\n`],
    ['by another port of a known host', (victim: string) => `GET / HTTP/1.1\r\nHost: api.test:${victim.split(':')[1]}\r\n\r\n`],
    ['by a name that contains a known one', () => 'GET / HTTP/1.1\r\nHost: api.test.evil.test\r\n\r\n'],
  ])('%s: 404 that names what was asked for, and nobody is dialled', async (_, bytes) => {
    let dialled = 0;
    const victim = createServer((socket: Socket) => {
      dialled++;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(victim, 'listening');
    cleanup.add(() => victim.close());
    reached = '';
    const sent = bytes(`127.0.0.1:${(victim.address() as { port: number }).port}`);
    const client = new RawClient(cleanup, plane.port).send(sent);
    await client.until(/^HTTP\/1\.1 404 [\s\S]*content-type: text\/plain[\s\S]*\r\n\r\nno upstream is known for \S+\n$/);
    expect([dialled, reached]).toEqual([0, '']);
  });
});

describe('answers stay with their requests:', () => {
  it('garbage behind a good request: the good one is answered, then 400, then the end', async () => {
    const text = await new RawClient(cleanup, plane.port).send(`${GET}\r\nGARBAGE\r\n\r\n`).untilClosed();
    expect(text).toMatch(/^HTTP\/1\.1 200 [\s\S]*ok\s*HTTP\/1\.1 400 /);
  });

  it('a second request that is refused: the first answer comes first', async () => {
    const text = await new RawClient(cleanup, plane.port).send(`${GET}\r\n${GET}Host: b\r\n\r\n${GET}\r\n`).untilClosed();
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  });

  it('more requests read ahead than pipelinedMax: the connection ends', async () => {
    const upstream = await startUpstream(cleanup, () => undefined);
    const own = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { bounds: { pipelinedMax: 10 } });
    const client = new RawClient(cleanup, own.port).send(`${GET}\r\n`.repeat(12));
    await client.untilClosed();
    expect(upstream.mostOpen()).toBeLessThanOrEqual(1);
  });

  it('5,000 calls under aborts, resets, refusals and pipelining: none gets another one’s answer', { timeout: 60_000 }, async () => {
    const upstream = await startUpstream(cleanup, (incoming, response) => {
      const id = Number(incoming.url?.slice(1));
      if (id % 17 === 0) incoming.socket.destroy();
      else if (id % 13 === 0) setTimeout(() => response.end(`<${id}>`), 5);
      else response.end(`<${id}>`);
    });
    const own = await startDataPlane(cleanup, [route({ targets: [upstream.target], limits: { maxConnections: 8, maxPendingRequests: 20 } })]);
    const next = { id: 0 };
    const crossed: string[] = [];
    await Promise.all(
      Array.from({ length: 20 }, async (_, worker) => {
        while (next.id < 5_000) {
          const ids = Array.from({ length: 1 + (worker % 4) }, () => next.id++);
          const client = new RawClient(cleanup, own.port).send(ids.map((one) => `GET /${one} HTTP/1.1\r\nHost: api.test\r\n\r\n`).join(''));
          if (worker % 5 === 0) await sleep(1);
          else await eventually(() => client.answers >= ids.length || client.isClosed || undefined, { what: 'the answers', everyMs: 1 });
          client.socket.destroy();
          const statuses = client.text.match(/HTTP\/1\.1 \d+ [\s\S]*?(?=HTTP\/1\.1 |$)/g) ?? [];
          statuses.forEach((text, at) => {
            const got = /<(\d+)>/.exec(text)?.[1];
            if (got !== undefined && got !== String(ids[at])) crossed.push(`${ids[at]} got ${got}`);
          });
        }
      }),
    );
    expect(crossed).toEqual([]);
    await expect.poll(() => own.proxy.stats().callsInFlight).toBe(0);
    expect(own.proxy.stats().routes[0]?.pending).toBe(0);
  });
});

describe('a hostile upstream', () => {
  const ANSWERS = [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello',
    'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.0 200 OK\r\n\r\nhello',
  ];
  const mutation = fc.record({ of: fc.constantFrom(...ANSWERS), at: fc.nat(140), cut: fc.nat(3), insert: fc.string({ unit: 'binary', maxLength: 4 }), closes: fc.boolean() });

  it('whose answers are mutated in any way ends each call once, harms nothing else, and leaves nothing behind', { timeout: 60_000 }, async () => {
    let bytes = '';
    let closes = false;
    const upstream = await startRawUpstream(cleanup, (socket) => {
      socket.on('data', () => {
        socket.write(bytes, 'latin1');
        if (closes) socket.end();
      });
      socket.on('end', () => socket.end());
    });
    const own = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { timeouts: { responseHeadMs: 40, idleMs: 40, closeMs: 40 } });
    await fc.assert(
      fc.asyncProperty(mutation, async (mutated) => {
        bytes = mutated.of.slice(0, mutated.at) + mutated.insert + mutated.of.slice(mutated.at + mutated.cut);
        closes = mutated.closes;
        const before = own.calls.length;
        // A status that it made up, an error of ours, or an end without any.
        const status = await call(own.port).then(
          (answered) => answered.status,
          () => 0,
        );
        expect(status === 0 || (status >= 200 && status <= 599)).toBe(true);
        expect(own.calls).toHaveLength(before + 1);
        expect(own.outcomes).toHaveLength(before + 1);
      }),
      { numRuns: 300 },
    );
    await expect.poll(() => own.proxy.stats()).toMatchObject({ callsInFlight: 0, routes: [{ inFlight: 0, pending: 0 }] });
  });
});

describe('a slow client', () => {
  it('that never reads its answers is closed after idleMs', async () => {
    const own = await startDataPlane(cleanup, [route()], { timeouts: { idleMs: 150 } });
    own.decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'x'.repeat(200_000) } };
    const client = new RawClient(cleanup, own.port).send(`${GET}\r\n`.repeat(150));
    client.socket.pause();
    await expect.poll(() => own.calls.length).toBeGreaterThan(0);
    await expect.poll(() => own.proxy.stats().clientConnections, { timeout: 5_000 }).toBe(0);
    expect(own.calls.length).toBeLessThan(150);
  });

  it('that reads them slowly is served to the end', async () => {
    const own = await startDataPlane(cleanup, [route()], { timeouts: { idleMs: 300 } });
    own.decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'x'.repeat(200_000) } };
    const client = new RawClient(cleanup, own.port).send(`${GET}\r\n`.repeat(50));
    const timer = setInterval(() => (client.socket.isPaused() ? client.socket.resume() : client.socket.pause()), 20);
    cleanup.add(() => clearInterval(timer));
    await eventually(() => client.answers === 50 || undefined, { what: '50 answers', everyMs: 50 });
    expect(client.isClosed).toBe(false);
  });

  it.each([
    ['that sends no byte is closed after clientHeadMs, without an answer that nobody asked for', '', { said: /^$/, counted: [] }],
    ['that sends half a head is closed after clientHeadMs with 408', 'GET / HTTP/1.1\r\nHost: api', { said: /^HTTP\/1\.1 408 /, counted: [{ answer: 'bad-request', statusCode: 408 }] }],
  ])('%s', async (_, bytes, { said, counted }) => {
    const before = plane.calls.length;
    const client = new RawClient(cleanup, plane.port);
    if (bytes !== '') client.send(bytes);
    expect(await client.untilClosed()).toMatch(said);
    expect(plane.calls.slice(before)).toEqual(counted);
  });

  it('that drips its head byte by byte is closed all the same, and others are served meanwhile', async () => {
    const client = new RawClient(cleanup, plane.port);
    const drip = setInterval(() => client.socket.writable && client.send('a'), 20);
    cleanup.add(() => clearInterval(drip));
    client.send('GET /');
    expect((await call(plane.port)).status).toBe(200);
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 408 /);
  });
});

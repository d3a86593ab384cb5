/** One connection, many requests: answers come in order, one each, and nothing is served behind the end. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cleanup, RawClient, route, startDataPlane, startUpstream, type DataPlane, type Upstream } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const GET = 'GET / HTTP/1.1\r\nHost: api.test\r\n';
const get = (path: string, lines = ''): string => `GET ${path} HTTP/1.1\r\nHost: api.test\r\n${lines}\r\n`;
const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';

/** Paths in the order in which they came, behind a proxy; `/slow…` takes a while, `/hold…` waits to be let go. */
let seen: string[];
let held: (() => void)[];
let upstream: Upstream;
let plane: DataPlane;

beforeEach(async () => {
  seen = [];
  held = [];
  upstream = await startUpstream(cleanup, (incoming, response) => {
    const path = incoming.url ?? '';
    seen.push(path);
    incoming.resume().on('end', () => {
      const end = (): void => void response.end(`<${path}>`);
      if (path.startsWith('/slow')) setTimeout(end, 20);
      else if (path.startsWith('/hold')) held.push(end);
      else end();
    });
  });
  plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
});

const open = (): RawClient => new RawClient(cleanup, plane.port);
const statuses = (text: string): string[] => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status ?? '');
const bodies = (text: string): string[] => [...text.matchAll(/<(\/[^>]*)>/g)].map(([, path]) => path ?? '');

describe('requests that were sent ahead', () => {
  it('are answered in order, each by its own upstream, the slow ones too', async () => {
    const paths = ['/slow1', '/2', '/slow3', '/4', '/5'];
    const client = open().send(paths.map((path) => get(path)).join(''));
    await eventually(() => client.answers === 5 || undefined, { what: 'five answers', everyMs: 5 });
    expect([bodies(client.text), seen]).toEqual([paths, paths]);
  });

  it('with bodies of both kinds are told apart', async () => {
    const inner = get('/not-one');
    const length = `POST /length HTTP/1.1\r\nHost: api.test\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`;
    const chunks = `POST /chunks HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`;
    const client = open().send(length + get('/2') + chunks + get('/4'));
    await eventually(() => client.answers === 4 || undefined, { what: 'four answers', everyMs: 5 });
    expect(seen).toEqual(['/length', '/2', '/chunks', '/4']);
  });

  it('wait until the one before them is answered: an upstream sees one of a client at a time', async () => {
    const client = open().send(get('/hold') + get('/2'));
    await eventually(() => held[0], { what: 'the first in the upstream' });
    expect(seen).toEqual(['/hold']);
    held[0]?.();
    await eventually(() => client.answers === 2 || undefined, { what: 'two answers', everyMs: 5 });
    expect([seen, upstream.mostOpen()]).toEqual([['/hold', '/2'], 1]);
  });

  it('are not read without end while the first is served: they wait outside', async () => {
    const client = open().send(get('/hold'));
    await eventually(() => held[0], { what: 'the first in the upstream' });
    const more = Buffer.from(get('/2').repeat(1_000));
    // What sockets on the way hold, a few MiB.
    let written = 0;
    while (client.socket.writableLength < 1_000_000 && written < 200_000_000) {
      client.socket.write(more);
      written += more.length;
      await new Promise(setImmediate);
    }
    expect([written < 200_000_000, seen]).toEqual([true, ['/hold']]);
  });

  it('of a client that leaves go no further', async () => {
    const client = open().send(get('/hold') + get('/2').repeat(5));
    await eventually(() => held[0], { what: 'the first in the upstream' });
    client.socket.destroy();
    await expect.poll(() => plane.proxy.stats()).toMatchObject({ clientConnections: 0, callsInFlight: 0 });
    expect(seen).toEqual(['/hold']);
  });
});

describe('what is no request', () => {
  it.each([
    ['garbage', 'GARBAGE\r\n\r\n'],
    ['a request with two Hosts', `${GET}Host: b\r\n\r\n`],
    ['a request with two lengths', `${GET}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`],
    ['a request that is too large', `${GET}X-A: ${'a'.repeat(20_000)}\r\n\r\n`],
  ])('behind a good one (%s): that is answered, then 4xx, then comes the end', async (_, bytes) => {
    const text = await open().send(`${get('/slow1')}${bytes}${get('/3')}`).untilClosed();
    expect([statuses(text), seen]).toEqual([['200', expect.stringMatching(/^4/)], ['/slow1']]);
    expect(text).toMatch(/connection: close\r\n/i);
  });

  it('within the body of the first: what came before is not answered twice', async () => {
    const text = await open().send(`POST /1 HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n${get('/2')}`).untilClosed();
    expect([statuses(text), bodies(text), plane.calls.length]).toEqual([['400'], [], 1]);
  });
});

describe('nothing is served behind', () => {
  it.each([
    ['Connection: close', get('/1', 'Connection: close\r\n')],
    ['Connection: keep-alive, Close', get('/1', 'Connection: keep-alive, Close\r\n')],
    ['two Connection headers', get('/1', 'Connection: close\r\nConnection: keep-alive\r\n')],
    ['HTTP/1.0', 'GET /1 HTTP/1.0\r\nHost: api.test\r\n\r\n'],
    ['a body with Connection: close', 'POST /1 HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello'],
    ['h2c that is left aside', get('/1', H2C)],
  ])('%s', async (_, first) => {
    const text = await open().send(`${first}${get('/2')}`).untilClosed();
    expect([statuses(text), bodies(text), seen]).toEqual([['200'], ['/1'], ['/1']]);
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
  });

  it.each([
    ['in one packet', get('/next'), ''],
    ['of which one packet has the beginning', 'GET /next HTTP/1.1\r\n', `Host: api.test\r\n\r\n${get('/last')}`],
  ])('an upgrade that is left aside, %s', async (_, next, rest) => {
    const client = open().send(`POST /1 HTTP/1.1\r\nHost: api.test\r\n${H2C}Content-Length: 5\r\n\r\nhello${next}`);
    await client.until(/^HTTP\/1\.1 200 /);
    expect(statuses(await client.send(rest).untilClosed())).toEqual(['200']);
    expect(seen).toEqual(['/1']);
  });
});

describe('a client of HTTP/1.0', () => {
  it('is told the end by the connection’s', async () => {
    const text = await open().send('GET /1 HTTP/1.0\r\nHost: api.test\r\n\r\n').untilClosed();
    expect(text).toMatch(/^HTTP\/1\.[01] 200 OK\r\n[^]*\r\nconnection: close\r\n[^]*<\/1>$/i);
  });

  it('is answered each request where it asks to keep the connection and the proxy agrees', async () => {
    const client = open().send('GET /1 HTTP/1.0\r\nHost: api.test\r\nConnection: keep-alive\r\n\r\n');
    await client.until(/<\/1>/);
    const isKept = /\r\nconnection: keep-alive\r\n/i.test(client.text);
    client.send(get('/2'));
    await eventually(() => (isKept ? client.answers === 2 : client.isClosed) || undefined, { what: 'what was said', everyMs: 5 });
    expect(seen).toEqual(isKept ? ['/1', '/2'] : ['/1']);
  });
});

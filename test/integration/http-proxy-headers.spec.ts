/** What a proxy adds to heads, takes away from them, and passes behind bodies (RFC 9110 6.5, 7.6, 10.1). */
import { afterEach, describe, expect, it } from 'vitest';
import type { HttpProxyOptions } from '#http-proxy';
import { Cleanup, RawClient, route, startDataPlane, startRawUpstream, type DataPlane } from '../support/data-plane.ts';
import { membersOf, readRequests, readResponses, valuesOf, type Message } from '../support/raw-http.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

interface Between {
  readonly plane: DataPlane;
  /** Requests as the upstream read them. */
  readonly requests: () => readonly Message[];
}

/** An upstream that answers each whole request with these bytes, and a proxy before it. */
async function between(answer = OK, options: Partial<HttpProxyOptions> = {}): Promise<Between> {
  let all = '';
  const upstream = await startRawUpstream(cleanup, (socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (readRequests(text).messages.length === 0) return;
      all += text;
      text = '';
      socket.write(answer, 'latin1');
    });
    socket.on('end', () => socket.end());
  });
  const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], options);
  return { plane, requests: () => readRequests(all).messages };
}

/** What the upstream gets of a request with these header lines. */
async function passed(lines: readonly string[], { options = {}, line = 'GET / HTTP/1.1', rest = '' }: { options?: Partial<HttpProxyOptions>; line?: string; rest?: string } = {}): Promise<Message> {
  const { plane, requests } = await between(OK, options);
  const client = new RawClient(cleanup, plane.port).send(`${[line, 'Host: api.test', ...lines].join('\r\n')}\r\n\r\n${rest}`);
  await client.until(/^HTTP\/1\.1 200 /);
  const [request] = requests();
  if (request === undefined) throw new Error('nothing was passed on');
  return request;
}

/** What a client gets that asks for one thing. */
async function answered(answer: string, { line = 'GET / HTTP/1.1', method = 'GET' } = {}): Promise<{ readonly messages: readonly Message[]; readonly text: string }> {
  const { plane } = await between(answer);
  const client = new RawClient(cleanup, plane.port).send(`${line}\r\nHost: api.test\r\nConnection: close\r\n\r\n`);
  const text = await client.untilClosed();
  return { messages: readResponses(text, [method]).messages, text };
}

describe('a request is passed on', () => {
  it.each([
    ['alone', [], ['1.1 fuseboard']],
    ['behind those before', ['Via: 1.0 outer, 1.1 inner', 'via: 1.1 last'], ['1.0 outer', '1.1 inner', '1.1 last', '1.1 fuseboard']],
  ])('with our Via %s', async (_, lines, via) => {
    expect(membersOf((await passed(lines)).headers, 'via')).toEqual(via);
  });

  it('with the version in Via that it came in', async () => {
    expect(membersOf((await passed([], { line: 'GET / HTTP/1.0' })).headers, 'via')).toEqual(['1.0 fuseboard']);
  });

  const SPOOFED = ['X-Forwarded-For: 10.1.1.1', 'x-forwarded-for: 10.2.2.2', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.test', 'X-FORWARDED-HOST: more.test'];
  const forwarded = ({ headers }: Message) => ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'].map((name) => valuesOf(headers, name));

  it.each([
    ['that says nothing of itself', [], {}],
    ['that nobody trusts, whatever it says', SPOOFED, {}],
    ['that is not among the trusted', SPOOFED, { trustedNetworks: ['10.0.0.0/8', '::1/128', '127.0.0.2/32'] }],
  ])('as forwarded for a peer %s', async (_, lines, options) => {
    expect(forwarded(await passed(lines, { options }))).toEqual([['127.0.0.1'], ['http'], ['api.test']]);
  });

  it('as forwarded for whom a trusted peer names, and for that peer', async () => {
    const request = await passed(['X-Forwarded-For: 10.1.1.1', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: shop.test'], { options: { trustedNetworks: ['10.0.0.0/8', '127.0.0.0/8'] } });
    expect(membersOf(request.headers, 'x-forwarded-for')).toEqual(['10.1.1.1', '127.0.0.1']);
    expect(forwarded(request).slice(1)).toEqual([['https'], ['shop.test']]);
  });

  it('as forwarded for a trusted peer that says nothing', async () => {
    expect(forwarded(await passed([], { options: { trustedNetworks: ['127.0.0.1/32'] } }))).toEqual([['127.0.0.1'], ['http'], ['api.test']]);
  });

  it('as forwarded for the host of its absolute target', async () => {
    expect(forwarded(await passed(['X-Forwarded-Host: x'], { line: 'GET http://API.test:80/ HTTP/1.1' }))[2]).toEqual(['API.test:80']);
  });

  it.each([
    ['trailers', ['trailers']],
    ['gzip;q=0.5, trailers', ['trailers']],
    ['gzip', []],
    ['gzip;a="trailers"', []],
  ])('with TE: %s as %j', async (te, left) => {
    expect(membersOf((await passed(['Connection: TE', `TE: ${te}`])).headers, 'te')).toEqual(left);
  });

  it.each([
    ['announced', 'Trailer: X-Sum, X-More'],
    ['not announced', 'X-Other: 1'],
  ])('with its trailers, %s', async (_, line) => {
    const rest = '5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: a  b\r\n\r\n';
    const { body, trailers } = await passed([line, 'Transfer-Encoding: chunked'], { line: 'POST / HTTP/1.1', rest });
    expect([body, trailers]).toEqual([
      'hello',
      [
        ['X-Sum', '1'],
        ['X-More', 'a  b'],
      ],
    ]);
  });

  it('without headers that came too late to be headers', async () => {
    const rest = '0\r\nAuthorization: x\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: close\r\nX-Sum: 1\r\n\r\n';
    const { headers, trailers } = await passed(['Transfer-Encoding: chunked'], { line: 'POST / HTTP/1.1', rest });
    expect([valuesOf(headers, 'authorization'), valuesOf(headers, 'x-forwarded-for'), trailers]).toEqual([[], ['127.0.0.1'], [['X-Sum', '1']]]);
  });
});

describe('an answer is passed back', () => {
  it('with our Via behind those before, and its own Date', async () => {
    const { messages } = await answered('HTTP/1.0 200 OK\r\nVia: 1.1 inner\r\nDate: yesterday\r\nContent-Length: 0\r\n\r\n');
    const headers = messages[0]?.headers ?? [];
    expect([membersOf(headers, 'via'), valuesOf(headers, 'date')]).toEqual([['1.1 inner', '1.0 fuseboard'], ['yesterday']]);
  });

  it('with its trailers', async () => {
    const { messages } = await answered('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nGrpc-Status: 0\r\n\r\n');
    expect(messages.map(({ body, trailers }) => [body, trailers])).toEqual([
      [
        'hello',
        [
          ['X-Sum', '1'],
          ['Grpc-Status', '0'],
        ],
      ],
    ]);
  });

  it.each(['Content-Length: 5', 'Transfer-Encoding: chunked', 'Set-Cookie: a=b', 'Connection: close'])('without the trailer %s, or broken off', async (trailer) => {
    const { messages } = await answered(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n${trailer}\r\n\r\n`);
    for (const { line, trailers } of messages) expect(line[1] === '502' || trailers.length === 0).toBe(true);
  });

  it('to HTTP/1.0 without chunks and trailers, and ends with the connection', async () => {
    const { plane } = await between('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\nX-Sum: 1\r\n\r\n');
    const text = await new RawClient(cleanup, plane.port).send('GET / HTTP/1.0\r\nHost: api.test\r\nConnection: keep-alive\r\n\r\n').untilClosed();
    expect(text).toMatch(/^HTTP\/1\.[01] 200 OK\r\n[^]*\r\n\r\nhelloyou$/);
    expect(text.toLowerCase()).not.toContain('transfer-encoding');
    expect(text.toLowerCase()).toContain('connection: close');
  });

  it('framed by us, whatever its Connection takes away', async () => {
    const { messages } = await answered('HTTP/1.1 200 OK\r\nConnection: Content-Length, X-Mine\r\nX-Mine: 1\r\nContent-Length: 5\r\n\r\nhello');
    expect(messages).toMatchObject([{ line: ['HTTP/1.1', '200', 'OK'], body: 'hello' }]);
    const { headers = [] } = messages[0] ?? {};
    expect([valuesOf(headers, 'x-mine'), valuesOf(headers, 'content-length').length + valuesOf(headers, 'transfer-encoding').length]).toEqual([[], 1]);
  });

  it.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', ['5']],
    ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', []],
    ['GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', []],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', ['5']],
  ])('to %s without a body where it can have none: %j', async (method, answer, length) => {
    const { messages, text } = await answered(answer, { line: `${method} / HTTP/1.1`, method });
    expect(messages).toHaveLength(1);
    expect([valuesOf(messages[0]?.headers ?? [], 'content-length'), text.endsWith('\r\n\r\n')]).toEqual([length, true]);
  });
});

describe('an interim answer', () => {
  const interim = async (answer: string, line = 'GET / HTTP/1.1') => (await answered(answer, { line })).messages.map((one) => one.line[1]);

  it('is passed before the last one, with its headers', async () => {
    const { messages } = await answered(`HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n${OK}`);
    expect(messages.map(({ line }) => line[1])).toEqual(['103', '200']);
    expect([valuesOf(messages[0]?.headers ?? [], 'link'), valuesOf(messages[0]?.headers ?? [], 'x-hop')]).toEqual([['</a>; rel=preload'], []]);
  });

  it('is passed at once, not when the last one comes', async () => {
    const upstream = await startRawUpstream(cleanup, (socket) => {
      socket.on('data', (chunk) => socket.write(chunk.includes('/') ? 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n' : ''));
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const client = new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    expect((await client.until(/^HTTP\/1\.1 103 [^]*Link: x\r\n\r\n$/)).index).toBe(0);
  });

  it('is not known to HTTP/1.0, and so left out', async () => {
    expect(await interim(`HTTP/1.1 103 Early Hints\r\n\r\n${OK}`, 'GET / HTTP/1.0')).toEqual(['200']);
  });

  it('of 100 is between the proxy and the upstream, where the client did not wait for one', async () => {
    expect(await interim(`HTTP/1.1 100 Continue\r\n\r\n${OK}`)).toEqual(['200']);
  });

  it('of 100 comes once to who waits for it, though the upstream says it too', async () => {
    const { plane } = await between(`HTTP/1.1 100 Continue\r\n\r\n${OK}`);
    const client = new RawClient(cleanup, plane.port).send('POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    await client.send('ok').until(/\r\n\r\nok$/);
    expect(readResponses(client.text, ['POST']).messages.map(({ line }) => line[1])).toEqual(['100', '200']);
  });

  it('of 100 does not come where nobody takes the body', async () => {
    const plane = await startDataPlane(cleanup, [route({ targets: ['127.0.0.1:1'] })]);
    const client = new RawClient(cleanup, plane.port).send('POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 502 /);
  });
});

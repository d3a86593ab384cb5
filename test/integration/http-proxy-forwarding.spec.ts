import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { call, Cleanup, headerLines, keptAgent, RawClient, route, startDataPlane, startRawUpstream, startUpstream } from '../support/data-plane.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Request headers without those that the proxy adds (http-proxy-headers.spec.ts). */
function withoutAdded(rawHeaders: readonly string[]): string[] {
  return headerLines(rawHeaders).filter((line) => !/^(?:via|x-forwarded-[a-z]+):/i.test(line));
}

/** Answers with the request's own head and body. */
function echo(received: { rawHeaders: string[]; method: string | undefined; url: string | undefined; body: string }[]) {
  return (incoming: IncomingMessage, response: { end(text: string): unknown }): void => {
    let body = '';
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
    incoming.on('end', () => {
      const { rawHeaders, method, url } = incoming;
      received.push({ rawHeaders, method, url, body });
      response.end(`${method} ${url} ${body}`);
    });
  };
}

async function echoPlane() {
  const received: { rawHeaders: string[]; method: string | undefined; url: string | undefined; body: string }[] = [];
  const upstream = await startUpstream(cleanup, echo(received));
  const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
  return { received, upstream, plane };
}

/** An upstream that says these bytes to each request head, and a data plane before it. */
async function scripted(answer: string, { closes = false } = {}) {
  const heads: string[] = [];
  const upstream = await startRawUpstream(cleanup, (socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      heads.push(text);
      text = '';
      socket.write(answer, 'latin1');
      if (closes) socket.end();
    });
    socket.on('end', () => socket.end());
  });
  const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
  return { heads, upstream, plane };
}

describe('a request', () => {
  it('reaches the upstream with method, target and headers as the caller wrote them', async () => {
    const { received, plane } = await echoPlane();
    const headers = ['Host', 'API.test', 'X-Case', 'a  b', 'x-twice', '1', 'x-twice', '2', 'X-Latin', '\u00e9', 'Accept', '*/*'];
    const text = `PUT //odd/%2e%2e?q=a|b HTTP/1.1\r\n${headerLines(headers).join('\r\n')}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc`;
    await new RawClient(cleanup, plane.port).send(text).untilClosed();
    expect(received).toMatchObject([{ method: 'PUT', url: '//odd/%2e%2e?q=a|b', body: 'abc' }]);
    expect(withoutAdded(received[0]!.rawHeaders)).toEqual(headerLines([...headers, 'Content-Length', '3']));
  });

  it('leaves its hop-by-hop headers, and those that Connection names, at the proxy', async () => {
    const { received, plane } = await echoPlane();
    const hops = ['Connection: keep-alive, X-Mine', 'X-Mine: secret', 'Keep-Alive: timeout=9', 'TE: gzip', 'Proxy-Connection: keep-alive'];
    const more = ['Proxy-Authorization: Basic eDp5', 'HTTP2-Settings: AAMAAABkAAQAAP__', 'Upgrade: h2c', 'X-Kept: yes'];
    const client = new RawClient(cleanup, plane.port).send(`GET / HTTP/1.1\r\nHost: api.test\r\n${[...hops, ...more].join('\r\n')}\r\n\r\n`);
    await client.until(/200 OK/);
    expect(withoutAdded(received[0]!.rawHeaders)).toEqual(['Host: api.test', 'X-Kept: yes']);
  });

  it.each([
    ['with a length', { body: 'hello', headers: { 'content-length': '5' } }],
    ['in chunks', { body: 'hello', headers: { 'transfer-encoding': 'chunked' } }],
    ['on a GET', { body: 'hello', method: 'GET', headers: { 'content-length': '5' } }],
    ['of nothing', { body: '', headers: { 'content-length': '0' } }],
  ])('carries its body %s', async (_, words) => {
    const { received, plane } = await echoPlane();
    const answered = await call(plane.port, { method: 'POST', ...words });
    expect([answered.status, received[0]?.body]).toEqual([200, words.body]);
  });

  it('with an absolute target goes to whom the target names, and Host says the same', async () => {
    const { received, plane } = await echoPlane();
    const client = new RawClient(cleanup, plane.port).send('GET http://Api.Test?x HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n');
    expect(await client.untilClosed()).toContain('GET /?x');
    expect(withoutAdded(received[0]!.rawHeaders)).toEqual(['Host: Api.Test']);
  });

  it('OPTIONS * is passed on', async () => {
    const { received, plane } = await echoPlane();
    await call(plane.port, { method: 'OPTIONS', path: '*' });
    expect(received[0]?.url).toBe('*');
  });

  it('of HTTP/1.0 without a Host is served on the listener of its route, and the connection closes', async () => {
    const received: { rawHeaders: string[]; method: string | undefined; url: string | undefined; body: string }[] = [];
    const upstream = await startUpstream(cleanup, echo(received));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target], listen: '127.0.0.1:0', port: 8080 })]);
    const port = Number(plane.proxy.addressOf('test/api')?.split(':')[1]);
    const text = await new RawClient(cleanup, port).send('GET /old HTTP/1.0\r\n\r\n').untilClosed();
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nGET \/old $/);
    expect(withoutAdded(received[0]!.rawHeaders)).toEqual(['Host: api.test:8080']);
  });

  it('that expects 100-continue is told to go on once there is a connection, and Expect stays here', async () => {
    const { received, plane } = await echoPlane();
    const client = new RawClient(cleanup, plane.port).send('POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    await client.send('ok').until(/POST \/ ok$/);
    expect(withoutAdded(received[0]!.rawHeaders)).toEqual(['Host: api.test', 'Content-Length: 2']);
  });

  it('may be sent ahead of the answer before it: the answers come in order', async () => {
    const order: string[] = [];
    const upstream = await startUpstream(cleanup, (incoming, response) => {
      order.push(`in ${incoming.url}`);
      setTimeout(() => {
        order.push(`out ${incoming.url}`);
        response.end(`[${incoming.url}]`);
      }, incoming.url === '/1' ? 60 : 0);
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const client = new RawClient(cleanup, plane.port);
    client.send(['/1', '/2', '/nowhere', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: ${path === '/nowhere' ? 'no.test' : 'api.test'}\r\n\r\n`).join(''));
    await client.until(/\[\/3\]/);
    expect(client.text.match(/\[\/\d\]|no upstream/g)).toEqual(['[/1]', '[/2]', 'no upstream', '[/3]']);
    expect(order).toEqual(['in /1', 'out /1', 'in /2', 'out /2', 'in /3', 'out /3']);
  });
});

describe('an answer', () => {
  it('comes back as the upstream wrote it, with via and nothing else added', async () => {
    const headers = ['Set-Cookie: a=1', 'X-Odd:  spaced \t', 'Set-Cookie: b=2', 'x-twice: 1', 'X-Twice: 2', 'Date: yesterday', 'X-Empty:', 'Via: 1.0 inner'];
    const { plane } = await scripted(`HTTP/1.1 299 Fine By Me\r\n${headers.join('\r\n')}\r\nContent-Length: 2\r\n\r\nok`);
    const { status, reason, rawHeaders, body } = await call(plane.port, { agent: keptAgent(cleanup) });
    expect([status, reason, body]).toEqual([299, 'Fine By Me', 'ok']);
    expect(headerLines(rawHeaders)).toEqual([
      'Set-Cookie: a=1',
      'X-Odd: spaced',
      'Set-Cookie: b=2',
      'x-twice: 1',
      'X-Twice: 2',
      'Date: yesterday',
      'X-Empty: ',
      'Via: 1.0 inner',
      'Content-Length: 2',
      'via: 1.1 fuseboard',
    ]);
  });

  it('keeps bytes beyond ASCII in its headers and its body', async () => {
    const disposition = 'Content-Disposition: attachment; filename="gr\u00c3\u00bc\u00c3\u009fe.txt"';
    const { plane } = await scripted(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n${disposition}\r\nX-Latin: \u00e9\r\n\r\n\u0000\u00ff\r\n`);
    const text = await new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n').untilClosed();
    expect(text).toContain(disposition);
    expect(text).toContain('X-Latin: \u00e9\r\n');
    expect(text.endsWith('\r\n\r\n\u0000\u00ff\r\n')).toBe(true);
  });

  it('keeps bytes beyond ASCII in a head that goes out before its body', async () => {
    const upstream = await startRawUpstream(cleanup, (socket) => {
      socket.on('data', () => socket.write('HTTP/1.1 200 Gr\u00fcn\r\nX-Latin: \u00e9\r\nTransfer-Encoding: chunked\r\n\r\n', 'latin1'));
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const client = new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    expect((await client.until(/\r\n\r\n$/))[0]).toBe('\r\n\r\n');
    expect(client.text).toContain('HTTP/1.1 200 Gr\u00fcn\r\nX-Latin: \u00e9\r\n');
  });

  it('leaves its hop-by-hop headers, and those that Connection names, at the proxy', async () => {
    const { plane } = await scripted('HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n');
    const { rawHeaders } = await call(plane.port);
    expect(headerLines(rawHeaders)).toEqual(['Content-Length: 0', 'via: 1.1 fuseboard', 'Connection: close']);
  });

  it.each([
    ['to HEAD has no body but its length', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', /Content-Length: 5\r\n[\s\S]*\r\n\r\n$/],
    ['to HEAD in chunks has no body', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', /^HTTP\/1\.1 200 OK\r\nvia: 1\.1 fuseboard\r\n\r\n$/],
    ['204 has no body', 'GET', 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n', /^HTTP\/1\.1 204 No Content\r\nX-A: 1\r\nvia: 1\.1 fuseboard\r\n\r\n$/],
    ['304 has no body but its length', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: "x"\r\n\r\n', /Content-Length: 7\r\n[\s\S]*\r\n\r\n$/],
  ])('%s, and both connections are kept', async (...[, method, answer, pattern]) => {
    const { heads, upstream, plane } = await scripted(answer);
    const client = new RawClient(cleanup, plane.port);
    for (let i = 1; i <= 2; i++) {
      client.text = '';
      client.send(`${method} / HTTP/1.1\r\nHost: api.test\r\n\r\n`);
      await client.until(/\r\n\r\n$/);
      expect(client.text).toMatch(pattern);
      expect([heads.length, upstream.open(), upstream.mostOpen()]).toEqual([i, 1, 1]);
    }
  });

  it('in chunks stays in chunks', async () => {
    const { plane } = await scripted('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n');
    const { headers, body } = await call(plane.port);
    expect([headers['transfer-encoding'], body]).toEqual(['chunked', 'abcde']);
  });

  it('that ends with its connection ends for the client too', async () => {
    const { plane } = await scripted('HTTP/1.0 200 OK\r\n\r\nuntil the end', { closes: true });
    expect(await call(plane.port)).toMatchObject({ status: 200, body: 'until the end', complete: true });
  });

  it('is announced by 1xx without harm', async () => {
    const { plane } = await scripted('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    expect(await call(plane.port)).toMatchObject({ status: 200, body: 'ok' });
  });

  it('is passed on byte by byte as it comes, the head before the body', async () => {
    let send!: (text: string) => void;
    const upstream = await startUpstream(cleanup, (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      send = (text) => void response.write(text);
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const client = new RawClient(cleanup, plane.port).send('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
    await client.until(/text\/event-stream[\s\S]*\r\n\r\n$/);
    send('data: 1\n\n');
    await client.until(/data: 1/);
    send('data: 2\n\n');
    expect((await client.until(/data: 2/)).index).toBeGreaterThan(0);
  });

  it('that comes before the request has ended reaches the client, and the connection closes', async () => {
    const upstream = await startUpstream(cleanup, (_, response) => response.writeHead(413, { 'content-length': '3' }).end('big'));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const client = new RawClient(cleanup, plane.port).send('POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1000000\r\n\r\nabc');
    const text = await client.untilClosed();
    expect(text).toMatch(/^HTTP\/1\.1 413 [\s\S]*Connection: close\r\n\r\nbig$/);
    expect(plane.calls).toEqual([{ answer: 'upstream', statusCode: 413, route: 'test/api', upstream: 'api.test' }]);
  });
});

describe('connections', () => {
  it('are kept on both sides: calls one after the other use one each', async () => {
    const { upstream, plane } = await echoPlane();
    const agent = keptAgent(cleanup);
    for (let i = 0; i < 20; i++) expect((await call(plane.port, { agent, path: `/${i}` })).body).toBe(`GET /${i} `);
    expect(upstream.requests()).toEqual([20]);
    expect(plane.proxy.stats()).toMatchObject({ clientConnections: 1, routes: [{ connections: 1, inFlight: 0, pending: 0 }] });
  });

  it('never cross answers: 4,000 calls of 40 clients each get their own', async () => {
    const { plane } = await echoPlane();
    const agent = new Agent({ keepAlive: true, maxSockets: 40 });
    cleanup.add(() => agent.destroy());
    const bodies = await Promise.all(
      Array.from({ length: 4_000 }, async (_, i) => (await call(plane.port, { agent, method: 'POST', path: `/${i}`, body: `body ${i}` })).body === `POST /${i} body ${i}`),
    );
    expect(bodies.every(Boolean)).toBe(true);
    expect(plane.outcomes).toHaveLength(4_000);
  });

  it('that the upstream keeps for a stated second or less are not used again', async () => {
    const { upstream, plane } = await scripted('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n');
    await call(plane.port);
    await expect.poll(() => upstream.open()).toBe(0);
  });
});

describe('a body of 64 MiB', () => {
  const BYTES = 64 * 1_024 * 1_024;
  const chunk = Buffer.alloc(65_536, 'fuseboard ');
  const digest = createHash('sha256');
  for (let sent = 0; sent < BYTES; sent += chunk.length) digest.update(chunk);
  const sha256 = digest.digest('hex');

  /** Writes it as fast as the reader takes it, and says how much is written so far. */
  function pour(sink: NodeJS.WritableStream): () => number {
    let sent = 0;
    const more = (): void => {
      while (sent < BYTES) {
        sent += chunk.length;
        if (!sink.write(chunk)) return;
      }
      sink.end();
    };
    sink.on('drain', more);
    more();
    return () => sent;
  }

  async function hashOf(source: NodeJS.ReadableStream): Promise<string> {
    const hash = createHash('sha256');
    for await (const part of source) hash.update(part);
    return hash.digest('hex');
  }

  it('goes up and comes down whole', async () => {
    const upstream = await startUpstream(cleanup, (incoming, response) => {
      void (async () => {
        response.setHeader('x-hash', await hashOf(incoming));
        pour(response);
      })();
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const outgoing = request({ host: '127.0.0.1', port: plane.port, method: 'POST', headers: { host: 'api.test' } });
    pour(outgoing);
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect(incoming.headers['x-hash']).toBe(sha256);
    expect(await hashOf(incoming)).toBe(sha256);
  });

  it('waits in the upstream, not in the proxy, while the client does not read', async () => {
    let written = (): number => 0;
    const upstream = await startUpstream(cleanup, (_, response) => (written = pour(response)));
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const outgoing = request({ host: '127.0.0.1', port: plane.port, headers: { host: 'api.test' } }).end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const stalledAt = await stalled(() => written());
    // What sockets on the way hold (a few MiB), not the body.
    expect(stalledAt).toBeLessThan(BYTES / 3);
    expect(await hashOf(incoming)).toBe(sha256);
  });

  it('waits in the client, not in the proxy, while the upstream does not read', async () => {
    let read!: () => Promise<string>;
    const upstream = await startUpstream(cleanup, (incoming, response) => {
      read = async () => {
        const hash = await hashOf(incoming);
        response.end();
        return hash;
      };
    });
    const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
    const outgoing = request({ host: '127.0.0.1', port: plane.port, method: 'PUT', headers: { host: 'api.test' } });
    const written = pour(outgoing);
    const stalledAt = await stalled(written);
    expect(stalledAt).toBeLessThan(BYTES / 3);
    expect(await read()).toBe(sha256);
    await once(outgoing, 'response');
  });

  /** The amount at which it stays for ten looks. */
  async function stalled(amount: () => number): Promise<number> {
    let last = -1;
    let same = 0;
    await expect
      .poll(
        () => {
          same = amount() === last && last > 0 ? same + 1 : 0;
          last = amount();
          return same;
        },
        { interval: 20, timeout: 10_000 },
      )
      .toBeGreaterThanOrEqual(10);
    return last;
  }
});

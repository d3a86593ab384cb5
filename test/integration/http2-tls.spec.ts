import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createSecureServer, type ClientHttp2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type Server } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { Cleanup } from '../support/data-plane.ts';
import { http2Call, startHttp2Stage, startHttp2Upstream } from '../support/http2-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const CERTIFICATE = makeCertificate({ commonName: 'api.test' });
const STRANGER = makeCertificate({ commonName: 'api.test' });

/** A route's `tls` that trusts this certificate. */
function trust({ cert }: { readonly cert: string }): { readonly ca: string } {
  const dir = mkdtempSync(join(tmpdir(), 'http2-tls-'));
  cleanup.add(() => rmSync(dir, { recursive: true }));
  const ca = join(dir, 'ca.pem');
  writeFileSync(ca, cert);
  return { ca };
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function secureUpstream(): Promise<string> {
  const server = createSecureServer({ cert: CERTIFICATE.cert, key: CERTIFICATE.key });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.respond({ ':status': 200 });
    stream.end(`${headers[':scheme']} ${String(headers['x-forwarded-proto'])}`);
  });
  server.on('session', (session) => cleanup.add(() => session.destroy()));
  return listening(server);
}

function secureClient(port: number): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${port}`, { ca: CERTIFICATE.cert, servername: 'api.test' });
  session.on('error', () => undefined);
  cleanup.add(() => session.destroy());
  return session;
}

describe('HTTP/2 over TLS', () => {
  it('is agreed on by ALPN with the client and with the upstream', async () => {
    const stage = await startHttp2Stage(cleanup, [{ targets: [await secureUpstream()], tls: trust(CERTIFICATE) }], { tls: CERTIFICATE });
    const session = secureClient(stage.port);
    await once(session, 'connect');
    // A name in a handshake is no call yet.
    expect(stage.proxy.stats().routes).toEqual([]);
    expect(await http2Call(session)).toMatchObject({ status: 200, body: 'https https', rstCode: 0 });
    expect(session.alpnProtocol).toBe('h2');
  });

  it('to an upstream whose certificate nobody vouches for is not spoken: 502 tls', async () => {
    const stage = await startHttp2Stage(cleanup, [{ targets: [await secureUpstream()], tls: trust(STRANGER) }], { tls: CERTIFICATE });
    expect(await http2Call(secureClient(stage.port))).toMatchObject({ status: 502, headers: { 'x-fuseboard-error': 'tls' } });
    expect(stage.outcomes).toMatchObject([{ result: { kind: 'failure', failure: 'tls' } }]);
  });

  it('to an upstream that does not agree on it is not spoken: 502 tls', async () => {
    let bytes = 0;
    const target = await listening(createTlsServer({ ...CERTIFICATE }, (socket) => socket.on('error', () => undefined).on('data', (chunk: Buffer) => (bytes += chunk.length))));
    const stage = await startHttp2Stage(cleanup, [{ targets: [target], tls: trust(CERTIFICATE) }], { tls: CERTIFICATE });
    expect(await http2Call(secureClient(stage.port))).toMatchObject({ status: 502, headers: { 'x-fuseboard-error': 'tls' } });
    expect(bytes).toBe(0);
  });

  it('to a route of HTTP/1.1 is refused so that the client may ask again by HTTP/1.1', async () => {
    const upstream = await startHttp2Upstream(cleanup, () => undefined);
    const stage = await startHttp2Stage(cleanup, [{ protocol: 'http', targets: [upstream.target] }], { tls: CERTIFICATE });
    expect(await http2Call(secureClient(stage.port))).toMatchObject({ status: 0, rstCode: 13 });
    expect(stage.calls).toMatchObject([{ answer: 'bad-request', statusCode: 0 }]);
  });
});

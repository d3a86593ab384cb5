import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { UpstreamTls } from '#http-proxy';
import { connectErrorOf, type ConnectError } from '../../libs/http-proxy/src/failure.ts';
import { dial } from '../../libs/http-proxy/src/upstream/dial.ts';
import { ClientTls } from '../../libs/http-proxy/src/upstream/tls.ts';
import { TlsFiles } from '../../libs/http-proxy/src/upstream/tls-files.ts';
import { makeCertificate } from '../support/certificate.ts';
import { call, Cleanup, route, startDataPlane, startRawUpstream } from '../support/data-plane.ts';
import { UpstreamStage } from '../support/upstream-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const authority = makeCertificate({ commonName: 'Test authority' });
const stranger = makeCertificate({ commonName: 'Another authority' });
const signed = (names: readonly string[], issuer = authority) => makeCertificate({ commonName: names[0] as string, names, issuer });

/** Files of this test by name; gives a path. */
function folder(): (name: string, content: string) => string {
  const path = mkdtempSync(join(tmpdir(), 'fuseboard-upstream-tls-'));
  cleanup.add(() => rmSync(path, { recursive: true }));
  return (name, content) => {
    writeFileSync(join(path, name), content);
    return join(path, name);
  };
}

interface SecureServer {
  readonly target: string;
  readonly port: number;
  /** Names that clients asked for (SNI); false: none. */
  readonly asked: (string | false)[];
}

/** Answers each request by 200 and closes. */
async function secureServer(options: TlsOptions): Promise<SecureServer> {
  const asked: (string | false)[] = [];
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer(options, (socket: TLSSocket) => {
    asked.push((socket as TLSSocket & { readonly servername: string | false }).servername);
    socket.on('error', () => undefined).once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'));
  });
  server.on('connection', (socket) => sockets.add(socket)).on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { target: `127.0.0.1:${port}`, port, asked };
}

/** What a call comes to over TLS to this server, by address. */
async function resultOf({ target }: SecureServer, tls: UpstreamTls): Promise<number | string> {
  return (await new UpstreamStage(cleanup, { targets: [target], tls }).call()).result;
}

/** What connecting fails with, also where an upstream that has spoken TLS 1.3 says so only after it. */
async function failureOf(target: string, words: UpstreamTls): Promise<ConnectError> {
  const files = new TlsFiles(words);
  const tls = new ClientTls(words, 'api.test', files);
  const [host = '', port] = target.split(':');
  const { socket } = dial({ label: target, host, port: Number(port) }, { tls });
  cleanup.add(() => {
    files.close();
    socket.destroy();
  });
  const [error] = (await once(socket.resume(), 'error')) as [NodeJS.ErrnoException];
  return connectErrorOf(error);
}

describe('TLS to an upstream', () => {
  it('passes where its certificate is signed by whom the route trusts, for the route’s host', async () => {
    const server = await secureServer(signed(['api.test']));
    const plane = await startDataPlane(cleanup, [route({ targets: [server.target], tls: { ca: folder()('ca.pem', authority.cert) } })]);
    expect((await call(plane.port)).status).toBe(200);
    expect(server.asked).toEqual(['api.test']);
  });

  it('is 502 tls, and that failure, where Node’s own authorities don’t know who signed', async () => {
    const server = await secureServer(signed(['api.test']));
    const plane = await startDataPlane(cleanup, [route({ targets: [server.target], tls: {} })]);
    const { status, headers } = await call(plane.port);
    expect([status, headers['x-fuseboard-error']]).toEqual([502, 'tls']);
    expect(plane.outcomes.map(({ result }) => result)).toEqual([{ kind: 'failure', failure: 'tls' }]);
  });

  it('fails where another signed it, it is for another name, or it is out of date', async () => {
    const ca = folder()('ca.pem', authority.cert);
    const expired = makeCertificate({ commonName: 'api.test', issuer: authority, validToMs: Date.now() - 1_000 });
    for (const certificate of [signed(['api.test'], stranger), signed(['other.test']), expired, stranger]) {
      expect(await resultOf(await secureServer(certificate), { ca })).toBe('tls');
    }
  });

  it('trusts each certificate of a file that holds several', async () => {
    const ca = folder()('ca.pem', `# two of them\n${stranger.cert}\n${authority.cert}`);
    expect(await resultOf(await secureServer(signed(['api.test'])), { ca })).toBe(200);
    expect(await resultOf(await secureServer(signed(['api.test'], stranger)), { ca })).toBe(200);
  });

  it('asks for serverName, else for the target’s host name, and checks the certificate against that', async () => {
    const ca = folder()('ca.pem', authority.cert);
    const server = await secureServer(signed(['internal.test']));
    expect(await resultOf(server, { ca, serverName: 'internal.test' })).toBe(200);
    const stage = new UpstreamStage(cleanup, { targets: [`internal.test:${server.port}`], tls: { ca } });
    stage.dns.set('internal.test', ['127.0.0.1']);
    expect((await stage.calls(2)).map(({ target, result }) => [target, result])).toEqual(Array.from({ length: 2 }, () => [server.target, 200]));
    expect(server.asked).toEqual(['internal.test', 'internal.test', 'internal.test']);
  });

  it('checks a certificate that is for an address, and asks for no name then', async () => {
    const ca = folder()('ca.pem', authority.cert);
    const [server, other] = [await secureServer(signed(['127.0.0.1'])), await secureServer(signed(['127.0.0.9']))];
    expect(await resultOf(server, { ca, serverName: '127.0.0.1' })).toBe(200);
    expect(await resultOf(other, { ca, serverName: '127.0.0.1' })).toBe('tls');
    expect(server.asked).toEqual([false]);
  });

  it('shows our certificate to whom asks for it; without it the upstream refuses us', async () => {
    const file = folder();
    const ca = file('ca.pem', authority.cert);
    const ours = signed(['proxy.test']);
    const options = { ...signed(['api.test']), ca: authority.cert, requestCert: true, rejectUnauthorized: true };
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const server = await secureServer({ ...options, maxVersion });
      expect(await resultOf(server, { ca, cert: file('cert.pem', ours.cert), key: file('key.pem', ours.key) })).toBe(200);
      expect(await failureOf(server.target, { ca })).toBe('tls');
    }
  });

  it('is tls where cleartext answers, and reset where the connection ends before the handshake does', async () => {
    const tls = { ca: folder()('ca.pem', authority.cert) };
    const plain = await startRawUpstream(cleanup, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const closing = await startRawUpstream(cleanup, (socket) => socket.end());
    expect(await Promise.all([plain, closing].map(({ target }) => failureOf(target, tls)))).toEqual(['tls', 'reset']);
  });

  it('that ends before the handshake does is reset for the call too', async () => {
    const closing = await startRawUpstream(cleanup, (socket) => socket.end());
    const stage = new UpstreamStage(cleanup, { targets: [closing.target], tls: { ca: folder()('ca.pem', authority.cert) } });
    expect((await stage.call()).result).toBe('reset');
  });

  it('that stalls in the handshake is connect-timeout, and its target is left out', async () => {
    const [silent, server] = [await startRawUpstream(cleanup, () => undefined), await secureServer(signed(['api.test']))];
    const tls = { ca: folder()('ca.pem', authority.cert) };
    const stage = new UpstreamStage(cleanup, { targets: [silent.target, server.target], tls, limits: { connectTimeoutMs: 200 } });
    expect((await stage.calls(4)).map(({ result }) => result)).toEqual(['connect-timeout', 200, 200, 200]);
  });
});

describe('the files of a route’s TLS', () => {
  it('that can’t be used are said by field, file and reason, and the route isn’t served', async () => {
    const file = folder();
    const { cert, key } = signed(['proxy.test']);
    const paths = { cert: file('cert.pem', cert), key: file('key.pem', key), other: file('other.pem', stranger.key), rubbish: file('rubbish.pem', 'rubbish') };
    const broken = file('broken.pem', cert.replace(/\n.{8}/, '\nAAAAAAAA'));
    const problem = (tls: UpstreamTls): string => {
      try {
        new TlsFiles(tls).close();
        return 'none';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(problem({ ca: `${paths.cert}.missing` })).toMatch(/^tls\.ca: \S+cert\.pem\.missing can't be read: ENOENT/);
    expect(problem({ ca: paths.rubbish })).toMatch(/^tls\.ca: \S+rubbish\.pem holds no certificate in PEM: nothing between/);
    expect(problem({ ca: broken })).toMatch(/^tls\.ca: \S+broken\.pem holds no certificate in PEM: /);
    expect(problem({ cert: paths.key, key: paths.key })).toMatch(/^tls\.cert: \S+key\.pem holds no certificate in PEM: nothing between/);
    expect(problem({ cert: paths.cert, key: paths.cert })).toMatch(/^tls\.key: \S+cert\.pem holds no private key without a password in PEM: /);
    expect(problem({ cert: paths.cert, key: paths.other })).toMatch(/^tls: \S+cert\.pem and \S+other\.pem can't be used together: .*mismatch/);
    expect(problem({ cert: paths.cert, key: paths.key })).toBe('none');
  });

  it('are noticed when they change; what can’t be used leaves what is in use, and is said', async () => {
    const file = folder();
    const ca = file('ca.pem', stranger.cert);
    const server = await secureServer(signed(['api.test']));
    const stage = new UpstreamStage(cleanup, { targets: [server.target], tls: { ca } });
    const { files } = stage.service.tls as ClientTls;
    expect((await stage.call()).result).toBe('tls');
    file('ca.pem', authority.cert);
    await files.look();
    expect([(await stage.call()).result, files.problem]).toEqual([200, undefined]);
    file('ca.pem', 'rubbish');
    await files.look();
    expect([(await stage.call()).result, files.problem]).toEqual([200, expect.stringContaining('tls.ca: ')]);
    file('ca.pem', authority.cert);
    await files.look();
    expect(files.problem).toBeUndefined();
  });

  it('are looked at from time to time, by themselves', async () => {
    const file = folder();
    const files = new TlsFiles({ ca: file('ca.pem', stranger.cert) }, { eachMs: 5 });
    cleanup.add(() => files.close());
    file('ca.pem', 'rubbish');
    await expect.poll(() => files.problem).toContain('ca.pem holds no certificate');
  });
});

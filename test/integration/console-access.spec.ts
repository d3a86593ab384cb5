/** Console and gRPC beyond loopback: TLS, tokens of two roles, clients' certificates. */
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { Client, Metadata, credentials, status, type ChannelCredentials } from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { afterEach, describe, expect, it } from 'vitest';
import { readConfig } from '#runtime';
import { namesIn } from '../../apps/console/src/certificate-names.ts';
import { protoDefinition } from '../../apps/console/src/proto-definition.ts';
import { EventParser } from '../../apps/console/src/shared/event-parser.ts';
import { openConsole } from '../../libs/drivers/src/console/console.ts';
import { run } from '../support/command.ts';
import { ConsoleStage } from '../support/console-stage.ts';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { pki, type Pki } from '../support/pki.ts';

const OPEN = { FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:0', FUSEBOARD_GRPC_LISTEN: '0.0.0.0:0' };
const TOKENS = { FUSEBOARD_TOKEN: 'write-it', FUSEBOARD_READ_TOKEN: 'read-it' };

const stages: ConsoleStage[] = [];
const clients: Client[] = [];
afterEach(async () => {
  for (const each of clients.splice(0)) each.close();
  await Promise.all(stages.splice(0).map((each) => each.close()));
});

async function secured(own: Pki, env: Readonly<Record<string, string>> = {}): Promise<ConsoleStage> {
  const { cert, key, ca } = own.server;
  const stage = await ConsoleStage.start({
    env: { ...OPEN, ...TOKENS, FUSEBOARD_CONSOLE_TLS_CERT: cert, FUSEBOARD_CONSOLE_TLS_KEY: key, FUSEBOARD_CONSOLE_TLS_CA: ca, ...env },
  });
  stages.push(stage);
  await stage.commit({ upstream: 'a.test' });
  return stage;
}

interface AskOptions {
  readonly token?: string;
  readonly method?: string;
  /** Paths of the client's own. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

/** @returns the status */
function ask(own: Pki, stage: ConsoleStage, { token, method = 'GET', certificate }: AskOptions = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { port } = stage.console.httpAddress;
    request(
      {
        host: '127.0.0.1',
        port,
        path: '/api/v1/breakers',
        method,
        agent: false,
        ca: readFileSync(own.ca),
        ...(certificate && { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) }),
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      },
      (response) => response.resume().once('end', () => resolve(response.statusCode)),
    )
      .once('error', reject)
      .end();
  });
}

/** @returns the status's name, of a read or of a method that no console serves and thus is guarded as a write */
function askGrpc(stage: ConsoleStage, channel: ChannelCredentials, { token, method = 'BreakerService/GetBreaker' }: { token?: string; method?: string } = {}): Promise<string> {
  const client = new Client(`localhost:${stage.console.grpcAddress.port}`, channel, { 'grpc.use_local_subchannel_pool': 1 });
  clients.push(client);
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  // GetBreakerRequest { upstream: "a.test" }
  const message = Buffer.from([0x0a, 6, ...Buffer.from('a.test')]);
  const asIs = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(`/fuseboard.v1.${method}`, asIs, asIs, message, metadata, { deadline: Date.now() + 10_000 }, (error) => resolve(status[error?.code ?? status.OK]));
  });
}

function channelOf(own: Pki, certificate?: { readonly cert: string; readonly key: string }): ChannelCredentials {
  if (certificate === undefined) return credentials.createSsl(readFileSync(own.ca));
  return credentials.createSsl(readFileSync(own.ca), readFileSync(certificate.key), readFileSync(certificate.cert));
}

it('who may only read is refused every method that writes, and no other', async () => {
  const stage = await ConsoleStage.start({ env: { ...OPEN, ...TOKENS } });
  stages.push(stage);
  const services = Object.entries(protoDefinition()).filter(([name]) => /^fuseboard\.v1\.\w+Service$/.test(name)) as [string, Readonly<Record<string, MethodDefinition<object, object>>>][];
  const methods = services.flatMap(([name, service]) => Object.entries(service).map(([method, of]) => ({ method: `${name.slice('fuseboard.v1.'.length)}/${method}`, of })));
  const asked = methods.filter(({ of }) => !of.requestStream && !of.responseStream);
  const answers = await Promise.all(asked.map(async ({ method }) => [method, await askGrpc(stage, credentials.createInsecure(), { token: 'read-it', method })]));
  const refused = answers.filter(([, answer]) => answer === 'PERMISSION_DENIED' || answer === 'UNAUTHENTICATED').map(([method]) => method);
  expect(new Set(refused)).toEqual(new Set(['ApplyPolicy', 'ClearOverride', 'DeletePolicy', 'ForceClosed', 'ForceOpen'].map((method) => `ControlService/${method}`)));
  expect(asked.length).toBeGreaterThan(refused.length);
});

it.each([['read-it', false], ['write-it', true]])('who reads events by %s is told whether they may also write: %s', async (token, mayWrite) => {
  const stage = await ConsoleStage.start({ env: { ...OPEN, ...TOKENS } });
  stages.push(stage);
  const answer = await stage.get('/api/v1/events', { headers: { authorization: `Bearer ${token}` } });
  const parser = new EventParser();
  let hello: string | undefined;
  for await (const text of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    hello = parser.push(text).find(({ event }) => event === 'hello')?.data;
    if (hello !== undefined) break;
  }
  expect(JSON.parse(hello ?? '{}')).toMatchObject({ may_write: mayWrite });
});

describe('over TLS', () => {
  it('HTTP and gRPC take a token of each role, or a certificate, and nobody without', async () => {
    const own = pki(['127.0.0.1', 'localhost']);
    const stage = await secured(own, { FUSEBOARD_CONSOLE_TLS_WRITERS: 'alice' });
    const [alice, bob] = [own.client('alice'), own.client('bob')];
    await eventually(async () => ((await ask(own, stage, { token: 'read-it' })) === 200 ? true : undefined), { what: 'the list' });
    expect([await ask(own, stage), await ask(own, stage, { certificate: bob }), await ask(own, stage, { certificate: bob, method: 'POST' })]).toEqual([401, 200, 403]);
    expect([await ask(own, stage, { token: 'read-it', method: 'POST' }), await ask(own, stage, { token: 'write-it', method: 'POST' }), await ask(own, stage, { certificate: alice, method: 'POST' })]).toEqual([
      403, 415, 415,
    ]);
    const grpc = (channel: ChannelCredentials, options = {}): Promise<string> => askGrpc(stage, channel, options);
    expect([await grpc(channelOf(own)), await grpc(channelOf(own), { token: 'read-it' }), await grpc(channelOf(own, bob))]).toEqual(['UNAUTHENTICATED', 'OK', 'OK']);
  });

  it('a certificate that another authority signed is none', async () => {
    const own = pki(['127.0.0.1', 'localhost']);
    const stage = await secured(own);
    const other = makeCertificate({ commonName: 'alice', names: ['alice'], issuer: makeCertificate({ commonName: 'another authority' }) });
    const certificate = { cert: own.write('other.pem', other.cert), key: own.write('other.key', other.key) };
    expect([await ask(own, stage, { certificate }), await askGrpc(stage, channelOf(own, certificate))]).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('cleartext is not answered', async () => {
    const own = pki(['127.0.0.1', 'localhost']);
    const stage = await secured(own);
    await expect(fetch(`http://127.0.0.1:${stage.console.httpAddress.port}/healthz`)).rejects.toThrow('fetch failed');
    expect(await askGrpc(stage, credentials.createInsecure(), { token: 'read-it' })).toBe('UNAVAILABLE');
  });

  it('fuseboard get is answered, with a token or a certificate, and says what is wrong without', async () => {
    const own = pki(['127.0.0.1', 'localhost']);
    const stage = await secured(own);
    await eventually(async () => ((await ask(own, stage, { token: 'read-it' })) === 200 ? true : undefined), { what: 'the list' });
    const server = `127.0.0.1:${stage.console.grpcAddress.port}`;
    const bob = own.client('bob');
    const [byToken, byCertificate, untrusted, half] = await Promise.all([
      run(['--server', server, '--tls-ca', own.ca, 'get', 'a.test'], { env: { FUSEBOARD_TOKEN: 'read-it' } }),
      run(['get', 'a.test'], { env: { FUSEBOARD_SERVER: server, FUSEBOARD_SERVER_TLS_CA: own.ca, FUSEBOARD_SERVER_TLS_CERT: bob.cert, FUSEBOARD_SERVER_TLS_KEY: bob.key } }),
      run(['--server', server, '--tls', 'get'], { env: { FUSEBOARD_TOKEN: 'read-it' } }),
      run(['--server', server, '--tls-cert', bob.cert, 'get']),
    ]);
    expect([byToken.status, byCertificate.status, untrusted.status, half.status]).toEqual([0, 0, 1, 2]);
    expect(byCertificate.stdout).toContain('a.test');
    expect(untrusted.stderr).toMatch(/certificate/i);
    expect(half.stderr).toContain('--tls-cert and --tls-key');
  });

  it('a proxy’s states come over it', async () => {
    const own = pki(['127.0.0.1', 'localhost']);
    const stage = await secured(own);
    const heard: string[] = [];
    const { cert, key } = own.client('proxy');
    const shown = { token: undefined, tls: { ca: readFileSync(own.ca), cert: readFileSync(cert), key: readFileSync(key) } };
    const console = openConsole({ consoles: [{ host: '127.0.0.1', port: stage.console.grpcAddress.port }], credentials: () => shown, partitions: 1, topicPrefix: '', reach: { failed: () => {}, reached: () => {} }, onError: () => {} });
    void console.stateFeed.follow(({ snapshots }) => void heard.push(...snapshots.map(({ upstream }) => upstream))).catch(() => undefined);
    await expect.poll(() => heard, { timeout: 15_000 }).toContain('a.test');
    await console.close();
  });
});

describe('the certificate', () => {
  it('is exchanged while the console runs, for HTTP and gRPC', async () => {
    const own = pki(['127.0.0.1', 'localhost']);
    const stage = await secured(own, {});
    const shown = (port: number, ALPNProtocols: string[]): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols }, () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        }).once('error', reject);
      });
    const both = (): Promise<string[]> => Promise.all([shown(stage.console.httpAddress.port, ['http/1.1']), shown(stage.console.grpcAddress.port, ['h2'])]);
    expect(await both()).toEqual(['server', 'server']);
    const renewed = makeCertificate({ commonName: 'renewed', names: ['127.0.0.1'], issuer: own.authority });
    stage.console.useTls({ cert: Buffer.from(renewed.cert), key: Buffer.from(renewed.key) });
    expect(await both()).toEqual(['renewed', 'renewed']);
  });

  it('that can’t be used stops the start, and the variable is named', async () => {
    const own = pki(['127.0.0.1', 'localhost']);
    writeFileSync(own.server.key, 'nonsense');
    await expect(secured(own)).rejects.toThrow(/^FUSEBOARD_CONSOLE_TLS_KEY: .*server\.key holds no private key/);
  });
});

it('a certificate’s names are the common name, DNS names, URIs and email addresses, and nothing that is quoted', () => {
  const subject = { CN: 'alice' } as never;
  expect(namesIn({ subject, subjectaltname: 'DNS:a.test, URI:spiffe://fleet/a, email:a@b.test, IP Address:127.0.0.1' })).toEqual(['alice', 'a.test', 'spiffe://fleet/a', 'a@b.test']);
  expect(namesIn({ subject, subjectaltname: 'URI:"http://x/, DNS:root"' })).toEqual(['alice']);
});

it('a proxy that takes its states over TLS names what is wrong with its settings', () => {
  const env = { FUSEBOARD_KAFKA_BROKERS: 'k:1', FUSEBOARD_STATES_FROM: 'c:1' };
  const read = (more: Readonly<Record<string, string>>) => () => readConfig({ role: 'proxy', argv: [], env: { ...env, ...more } });
  expect(read({ FUSEBOARD_STATES_TLS_CA: 'a' })).toThrow('FUSEBOARD_STATES_TLS_CA is set without FUSEBOARD_STATES_TLS=true, and would have no effect');
  expect(read({ FUSEBOARD_STATES_TLS: 'true', FUSEBOARD_STATES_TLS_CERT: 'c' })).toThrow('FUSEBOARD_STATES_TLS_KEY is not set, but FUSEBOARD_STATES_TLS_CERT is; allowed: both or none');
  expect(read({ FUSEBOARD_STATES_TLS: 'true', FUSEBOARD_STATES_TLS_CA: 'a' })().drivers).toMatchObject({ kind: 'consoles', tls: { ca: 'a' } });
});

/** The proxy's settings and gauges, through the joined proxy. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { Cleanup, call } from '../support/data-plane.ts';
import { HOST, ProxyStage, directoryOf } from '../support/proxy-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

async function serving(env: Readonly<Record<string, string>>): Promise<ProxyStage> {
  const stage = await ProxyStage.start(cleanup, () => ({ env }));
  stage.tellDocuments();
  await vi.waitFor(async () => expect((await stage.call(200)).status).toBe(200));
  return stage;
}

test('a time-out and a bound of the settings are the data plane’s', async () => {
  const stage = await serving({ FUSEBOARD_PROXY_RESPONSE_TIMEOUT: '100ms', FUSEBOARD_PROXY_MAX_HEADERS: '10' });
  const late = await call(stage.port, { path: '/200?after=10000', headers: { host: HOST } });
  expect([late.status, late.headers['x-fuseboard-error']]).toEqual([504, 'response-timeout']);
  const headers = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`x-${i}`, 'y']));
  expect((await call(stage.port, { path: '/200', headers: { host: HOST, ...headers } })).status).toBe(431);
});

test('clients, calls in flight and an upstream’s connections are gauges', async () => {
  const stage = await serving({});
  const calls = [1, 2, 3].map(() => call(stage.port, { path: '/200?after=500', headers: { host: HOST } }));
  await vi.waitFor(async () => expect(await stage.gauge('fuseboard_proxy_calls_in_flight')).toBe(3));
  expect(await stage.gauge('fuseboard_proxy_client_connections')).toBe(3);
  expect(await stage.gauge('fuseboard_proxy_upstream_requests')).toBe(3);
  expect(await stage.gauge('fuseboard_proxy_upstream_connections')).toBe(3);
  expect(await stage.gauge('fuseboard_proxy_upstream_pending')).toBe(0);
  await Promise.all(calls);
  await vi.waitFor(async () => expect(await stage.gauge('fuseboard_proxy_calls_in_flight')).toBe(0));
});

test('with a certificate the listener speaks TLS, and with authorities it wants one of its clients too', async () => {
  const authority = makeCertificate({ commonName: 'authority' });
  const [server, client] = [HOST, 'client'].map((commonName) => makeCertificate({ commonName, issuer: authority }));
  const directory = directoryOf(cleanup);
  const pem = (name: string, text = ''): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const env = { FUSEBOARD_PROXY_TLS_CERT: pem('cert.pem', server?.cert), FUSEBOARD_PROXY_TLS_KEY: pem('key.pem', server?.key) };
  const open = await ProxyStage.start(cleanup, () => ({ env }));
  open.tellDocuments();
  await vi.waitFor(async () => expect(await securely(open, { ca: authority.cert })).toBe(200));
  const closed = await ProxyStage.start(cleanup, () => ({ env: { ...env, FUSEBOARD_PROXY_TLS_CA: pem('ca.pem', authority.cert) } }));
  closed.tellDocuments();
  await expect(securely(closed, { ca: authority.cert })).rejects.toThrow(/certificate required|socket hang up|ECONNRESET/);
  expect(await securely(closed, { ca: authority.cert, cert: client?.cert, key: client?.key })).toBe(200);
});

async function securely({ port }: ProxyStage, options: RequestOptions): Promise<number | undefined> {
  const outgoing = request({ host: '127.0.0.1', port, path: '/200', headers: { host: HOST }, agent: false, ...options }).end();
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

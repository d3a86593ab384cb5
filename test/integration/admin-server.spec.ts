import { Gauge } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { Gates, Health, Metrics, readConfig, startAdminServer, type AdminServer, type Gate } from '#runtime';

const servers: AdminServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

function gate(host = '127.0.0.1', env: Readonly<Record<string, string>> = {}): Gate {
  return new Gates(readConfig({ role: 'standalone', argv: [], env }).access).at(host);
}

async function admin(own: Gate = gate()) {
  const health = new Health();
  const metrics = new Metrics({ process: 'ingest', version: '1', instance: 'i' });
  const server = await startAdminServer({ listen: { host: '127.0.0.1', port: 0 }, gate: own, health, metrics });
  servers.push(server);
  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`http://127.0.0.1:${server.address.port}${path}`, init);
  return { health, metrics, server, get };
}

describe('the admin address', () => {
  it('is alive from the start, and ready once every condition is met', async () => {
    const { health, get } = await admin();
    const states = health.condition('states', 'not read yet');
    expect((await get('/healthz')).status).toBe(200);
    const before = await get('/readyz');
    expect([before.status, await before.json()]).toEqual([503, { status: 'not-ready', missing: [{ name: 'states', reason: 'not read yet' }] }]);
    states.ready();
    expect((await get('/readyz')).status).toBe(200);
  });

  it('is not alive where something is broken for good', async () => {
    const { health, get } = await admin();
    health.broken('the log is gone');
    const answer = await get('/healthz');
    expect([answer.status, await answer.json()]).toEqual([503, { status: 'broken', reasons: ['the log is gone'] }]);
  });

  it("serves Prometheus' text, the process's own figures included", async () => {
    const { metrics, get } = await admin();
    metrics.commit('OK', 'ingest');
    const answer = await get('/metrics');
    const text = await answer.text();
    expect(answer.headers.get('content-type')).toContain('text/plain');
    expect(text).toContain('fuseboard_commits_total{answer="OK",group="ingest"} 1');
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
  });

  it("says so where a figure can't be read, and goes on", async () => {
    const { metrics, get } = await admin();
    metrics.registry.registerMetric(new Gauge({ name: 'broken', help: 'b', registers: [], collect: () => Promise.reject(new Error('the disk is gone')) }));
    const answer = await get('/metrics');
    expect([answer.status, await answer.json()]).toEqual([500, { error: "it can't be answered: the disk is gone" }]);
    expect((await get('/healthz')).status).toBe(200);
  });

  it('answers nothing else, and only GET', async () => {
    const { get } = await admin();
    expect((await get('/')).status).toBe(404);
    expect((await get('/metrics', { method: 'POST' })).status).toBe(405);
  });

  it('shows metrics beyond loopback to who may read, and health to everybody', async () => {
    const { get } = await admin(gate('0.0.0.0', { FUSEBOARD_READ_TOKEN: 'hush' }));
    const refused = await get('/metrics');
    expect([refused.status, await refused.json()]).toEqual([401, { error: 'a bearer token is needed (FUSEBOARD_TOKEN)' }]);
    expect((await get('/metrics', { headers: { authorization: 'Bearer hush' } })).status).toBe(200);
    expect((await get('/healthz')).status).toBe(200);
    const open = await admin(gate('0.0.0.0', { FUSEBOARD_ANONYMOUS: 'read' }));
    expect((await open.get('/metrics')).status).toBe(200);
  });

  it('names the variable when its port is in use', async () => {
    const { server, health, metrics } = await admin();
    await expect(startAdminServer({ listen: server.address, gate: gate(), health, metrics })).rejects.toThrow(
      `FUSEBOARD_ADMIN_LISTEN: 127.0.0.1:${server.address.port} is in use by another process`,
    );
  });

  it('names an address that is not this machine\'s', async () => {
    const { health, metrics } = await admin();
    await expect(startAdminServer({ listen: { host: '192.0.2.1', port: 0 }, gate: gate(), health, metrics })).rejects.toThrow(
      'FUSEBOARD_ADMIN_LISTEN: 192.0.2.1:0 is no address of this machine',
    );
  });
});

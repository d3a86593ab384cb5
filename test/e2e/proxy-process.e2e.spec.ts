/** The life of a proxy's process, seen by callers that keep their connections: stopped, killed, given other policies. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { call } from '../scenarios/load.ts';
import { WatchedUpstream } from '../scenarios/upstream.ts';
import { eventually } from '../support/eventually.ts';
import { FleetStage, type ProxyMember } from '../support/fleet.ts';
import { KeptClients } from '../support/kept-clients.ts';
import { freePort } from '../support/data-plane.ts';
import { isReady, type Program } from '../support/program.ts';
import { startStandalone } from '../support/standalone.ts';
import { HOST, policyYaml, upstreamYaml } from './shop.ts';

const DEADLINE_MS = 180_000;
const CLIENTS = 8;
/** Calls take so long that some are in flight whenever one looks. */
const PATH = '/echo?delay=10ms';

interface Stage {
  readonly watched: WatchedUpstream;
  readonly configDir: string;
  readonly write: (file: string, text: string) => Promise<void>;
  /** A proxy that serves its directory alone: no store answers. */
  readonly proxy: (env?: Readonly<Record<string, string>>) => Promise<ProxyMember>;
}

async function openStage({ onTestFinished }: Pick<TestContext, 'onTestFinished'>): Promise<Stage> {
  const configDir = await mkdtemp(join(tmpdir(), 'fuseboard-process-'));
  const watched = await WatchedUpstream.start();
  const nowhere = '127.0.0.1:1';
  const fleet = new FleetStage({
    kafkaBrokers: nowhere,
    redisUrl: `redis://${nowhere}`,
    prefix: 'nowhere',
    env: { FUSEBOARD_CONFIG_DIR: configDir, FUSEBOARD_PROXY_READY: 'serving' },
  });
  onTestFinished(async () => {
    await fleet.kill();
    await watched.close();
    await rm(configDir, { recursive: true, force: true });
  });
  const write = async (file: string, text: string): Promise<void> => {
    await writeFile(join(configDir, `.${file}`), text);
    await rename(join(configDir, `.${file}`), join(configDir, file));
  };
  await write('upstream.yaml', upstreamYaml(watched));
  const proxy = async (env: Readonly<Record<string, string>> = {}): Promise<ProxyMember> => {
    const member = await fleet.proxy(env);
    await member.untilReady('admin');
    return member;
  };
  return { watched, configDir, write, proxy };
}

/** Process ids of the workers that said that they serve, newest last. */
const workerPids = (program: Program): number[] => program.log.flatMap(({ msg, pid }) => (/^worker \d+ serves/.test(msg) ? [Number(pid)] : []));

async function counter({ admin }: ProxyMember, line: string): Promise<number> {
  const text = await (await fetch(`http://${admin.host}:${admin.port}/metrics`)).text();
  return Number(text.split('\n').find((each) => each.startsWith(`${line} `))?.slice(line.length + 1));
}

const answeredLine = `fuseboard_calls_total{upstream="${HOST}",answer="upstream"}`;

describe.concurrent('SIGTERM under load', () => {
  for (const workers of ['1', '2']) {
    it(`of ${workers}: no call fails, what is in flight is answered, callers go on elsewhere, and it ends with 0`, { timeout: DEADLINE_MS }, async (context) => {
      const { proxy, watched } = await openStage(context);
      const [first, second] = await Promise.all([proxy({ FUSEBOARD_PROXY_WORKERS: workers }), proxy()]);
      const clients = await KeptClients.start({ clients: CLIENTS, proxies: [first.proxy, second.proxy], host: HOST, path: PATH });
      await clients.answered(10);
      const slow = call({ proxy: first.proxy, host: HOST, path: '/echo?delay=1500ms' });
      await eventually(() => watched.arrivals.find(({ delayMs }) => delayMs === 1_500), { what: 'the slow call at the upstream' });
      const code = await first.stop();
      await clients.answered(10, 1);
      await clients.stop();
      expect(code).toBe(0);
      expect(await slow).toMatchObject({ status: 200 });
      expect(clients.failures).toEqual([]);
      expect(clients.connections).toBe(2 * CLIENTS);
    });
  }
});

describe.concurrent('a policy that changes under load', () => {
  it('closes no connection and fails no call', { timeout: DEADLINE_MS }, async (context) => {
    const { configDir, watched, write } = await openStage(context);
    const { onTestFinished } = context;
    const standalone = await startStandalone({ configDir, dataDir: ':memory:' });
    onTestFinished(() => standalone.kill());
    const clients = await KeptClients.start({ clients: CLIENTS, proxies: [standalone.addresses.proxy], host: HOST, path: PATH });
    const applied = (): number => standalone.log.filter(({ msg }) => /orders.* is applied/.test(msg)).length;
    for (const errors of [5, 50, 7]) {
      const before = applied();
      await write('policy.yaml', policyYaml({ errors, connections: errors * 100 }));
      await eventually(() => (applied() > before ? true : undefined), { what: 'the policy in the log' });
      await clients.answered(20);
    }
    await write('upstream.yaml', `${upstreamYaml(watched)}---\n${upstreamYaml({ target: watched.target, name: 'other', host: 'other.test' })}`);
    await eventually(async () => ((await call({ proxy: standalone.addresses.proxy, host: 'other.test', path: '/' })).status === 200 ? true : undefined), { what: 'the other upstream' });
    await clients.answered(20);
    await clients.stop();
    expect(clients.failures).toEqual([]);
    expect(clients.connections).toBe(CLIENTS);
    expect(watched.connectionsMax).toBeLessThanOrEqual(CLIENTS + 1);
    expect(await standalone.stop()).toBe(0);
  });
});

describe.concurrent('workers', () => {
  it('killed with -9 fail their own calls in flight alone, are replaced, and no count goes back', { timeout: DEADLINE_MS }, async (context) => {
    const { proxy } = await openStage(context);
    const member = await proxy({ FUSEBOARD_PROXY_WORKERS: '2' });
    const clients = await KeptClients.start({ clients: CLIENTS, proxies: [member.proxy], host: HOST, path: PATH });
    await clients.answered(10);
    const counted = await counter(member, answeredLine);
    const [victim = 0, other = 0] = workerPids(member);
    process.kill(victim, 'SIGKILL');
    const successor = await eventually(() => workerPids(member)[2], { what: 'another worker', deadlineMs: 60_000 });
    await member.untilReady('admin');
    await clients.answered(10);
    expect(await counter(member, answeredLine)).toBeGreaterThanOrEqual(counted + CLIENTS * 10);
    await clients.stop();
    const failures = clients.ledgers.map(({ failures: own }) => own.length);
    // Connections are handed out in turn, so half of them were the victim's.
    expect(failures.filter((count) => count > 0)).toHaveLength(CLIENTS / 2);
    expect(Math.max(...failures)).toBe(1);
    expect(member.log.filter(({ msg }) => msg.includes('ended with SIGKILL'))).toHaveLength(1);
    expect(new Set([victim, other, successor]).size).toBe(3);
    expect(await counter(member, 'fuseboard_proxy_worker_ends_total')).toBe(1);
    expect(await member.stop()).toBe(0);
  });

  it('killed before it took a connection that was handed to it: the connection is closed', { timeout: DEADLINE_MS }, async (context) => {
    const { proxy } = await openStage(context);
    const member = await proxy({ FUSEBOARD_PROXY_WORKERS: '2' });
    const [victim = 0] = workerPids(member);
    process.kill(victim, 'SIGSTOP');
    const calls = Array.from({ length: 4 }, () => call({ proxy: member.proxy, host: HOST, path: '/echo' }));
    await Promise.race(calls);
    process.kill(victim, 'SIGKILL');
    const ends = await Promise.all(calls);
    expect(ends.map(({ status, failure }) => `${status ?? failure}`).toSorted()).toEqual(['200', '200', '200', 'ECONNRESET']);
  });

  it('share a route’s own listener, and stand under one readiness and one page of metrics', { timeout: DEADLINE_MS }, async (context) => {
    const { proxy, watched, write } = await openStage(context);
    const port = await freePort();
    await write('upstream.yaml', upstreamYaml({ target: watched.target, listen: `127.0.0.1:${port}` }));
    const member = await proxy({ FUSEBOARD_PROXY_WORKERS: '2', FUSEBOARD_INSTANCE: 'edge' });
    const clients = await KeptClients.start({ clients: 4, proxies: [{ host: '127.0.0.1', port }], host: HOST, path: PATH });
    await clients.answered(5);
    const base = `http://${member.admin.host}:${member.admin.port}`;
    const ready = (await (await fetch(`${base}/readyz`)).json()) as { workers: Record<string, { status: string }> };
    // They serve, and this stage has no stores.
    expect(Object.values(ready.workers).map(({ status }) => status)).toEqual(['degraded', 'degraded']);
    const metrics = await (await fetch(`${base}/metrics`)).text();
    for (const worker of [1, 2]) {
      expect(metrics).toContain(`fuseboard_proxy_client_connections{worker="${worker}"} 2`);
      expect(metrics).toMatch(new RegExp(`fuseboard_build_info\\{.*instance="edge-w${worker}",worker="${worker}"\\} 1`));
      expect(metrics).toContain(`fuseboard_event_loop_delay_seconds{statistic="p99",worker="${worker}"}`);
    }
    const [victim = 0] = workerPids(member);
    process.kill(victim, 'SIGSTOP');
    expect(await isReady(member.admin)).toBe(false);
    process.kill(victim, 'SIGCONT');
    await member.untilReady('admin');
    await clients.stop();
    expect(await member.stop()).toBe(0);
  });

  it('end with their primary, however that ends', { timeout: DEADLINE_MS }, async (context) => {
    const { proxy } = await openStage(context);
    const member = await proxy({ FUSEBOARD_PROXY_WORKERS: '2' });
    const pids = workerPids(member);
    await member.kill();
    const living = await eventually(() => (pids.some(isAlive) ? undefined : pids.filter(isAlive)), { what: 'the workers to end' });
    expect([pids.length, living.length]).toEqual([2, 0]);
  });

  it('that can’t start stop the start: it is said once why, and the process ends with 1', { timeout: DEADLINE_MS }, async (context) => {
    const { proxy } = await openStage(context);
    const [member, key] = [await proxy(), 'FUSEBOARD_PROXY_LISTEN'];
    const taken = `${member.proxy.host}:${member.proxy.port}`;
    const refused = proxy({ FUSEBOARD_PROXY_WORKERS: '2', [key]: taken });
    await expect(refused).rejects.toThrow(new RegExp(`ended with 1 [\\s\\S]*can't start\\. ${key} \\(--proxy\\): ${taken} is in use`));
  });
});

/** Whether a process of that id is there. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

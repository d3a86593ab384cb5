/** What is promised of a process that gets no chance to say goodbye, and of a directory that changes under it. */
import { mkdtemp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { call, runLoad, type CallEnd } from '../scenarios/load.ts';
import { WatchedUpstream } from '../scenarios/upstream.ts';
import { ConsoleClient, type TransitionView } from '../support/console-client.ts';
import { eventually } from '../support/eventually.ts';
import type { LogLine } from '../support/program.ts';
import { startStandalone, type Standalone } from '../support/standalone.ts';

const HOST = 'orders.shop.svc.cluster.local';
const THRESHOLD = 5;
const DEADLINE_MS = 180_000;

interface Bench {
  readonly watched: WatchedUpstream;
  /** The policy's file; written whole. */
  readonly write: (file: string, text: string) => Promise<void>;
  readonly remove: (file: string) => Promise<void>;
  /** Again and again on the same data and documents. */
  readonly start: () => Promise<Standalone>;
}

/** Everything is removed when the test ends. Its own context says when: tests run at the same time. */
async function bench({ onTestFinished }: Pick<TestContext, 'onTestFinished'>): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'fuseboard-kill-'));
  const configDir = join(folder, 'config');
  await mkdir(configDir);
  const watched = await WatchedUpstream.start();
  const started: Standalone[] = [];
  onTestFinished(async () => {
    await Promise.all(started.map((each) => each.kill()));
    await watched.close();
    await rm(folder, { recursive: true, force: true });
  });
  const write = async (file: string, text: string): Promise<void> => {
    await writeFile(join(folder, 'new'), text);
    await rename(join(folder, 'new'), join(configDir, file));
  };
  await write('upstream.yaml', upstreamYaml(watched.target));
  return {
    watched,
    write,
    remove: (file) => rm(join(configDir, file)),
    start: async () => {
      const standalone = await startStandalone({ configDir, dataDir: join(folder, 'data') });
      started.push(standalone);
      return standalone;
    },
  };
}

function upstreamYaml(target: string): string {
  return `apiVersion: fuseboard.dev/v1
kind: Upstream
metadata: { name: orders, namespace: shop }
spec: { host: ${HOST}, targets: ["${target}"] }
`;
}

function policyYaml({ errors = THRESHOLD, degraded = '15s', status = '520' } = {}): string {
  return `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: orders, namespace: shop }
spec:
  host: ${HOST}
  connectionSettings:
    http:
      circuitBreaking:
        statTimeWindow: 10m
        errorAmountThreshold: ${errors}
        degradedTimeWindow: ${degraded}
        degradedStatusCode: ${status}
`;
}

const consoleOf = ({ addresses }: Standalone): ConsoleClient => new ConsoleClient(addresses.console);

async function callTimes({ addresses }: Standalone, times: number, query: string): Promise<CallEnd[]> {
  const ends: CallEnd[] = [];
  for (let i = 0; i < times; i++) ends.push(await call({ proxy: addresses.proxy, host: HOST, path: `/echo${query}` }));
  return ends;
}

/** Until callers are refused, so that state and proxy agree. */
function refusal(standalone: Standalone): Promise<CallEnd> {
  return eventually(async () => (await callTimes(standalone, 1, '')).find(({ degraded }) => degraded), { what: 'a refusal' });
}

function transition(standalone: Standalone, is: (each: TransitionView) => boolean, deadlineMs = 15_000): Promise<TransitionView> {
  return eventually(async () => (await consoleOf(standalone).transitions(HOST)).find(is), { what: 'the transition', deadlineMs });
}

function errorLine(standalone: Standalone, part: string): Promise<LogLine> {
  return eventually(async () => standalone.log.find(({ level, msg }) => level === 'error' && msg.includes(part)), { what: `a log line with ${part}` });
}

describe.concurrent('kill -9', () => {
  it('while open: still open on the same data, until the same moment, then closed by itself', { timeout: DEADLINE_MS }, async (context) => {
    const { write, start, watched } = await bench(context);
    await write('policy.yaml', policyYaml());
    const first = await start();
    await callTimes(first, 3, '');
    await callTimes(first, THRESHOLD, '?status=503');
    await refusal(first);
    const opened = await consoleOf(first).breaker(HOST);
    expect(opened).toMatchObject({ state: 'open' });
    await first.kill();

    const second = await start();
    const reached = watched.arrivals.length;
    const [after, refused] = [await consoleOf(second).breaker(HOST), await callTimes(second, 5, '')];
    expect(Date.now(), 'this machine took longer to start than the breaker is open').toBeLessThan(opened.openUntilMs as number);
    expect(after).toEqual(opened);
    expect(refused.filter(({ status, degraded }) => status === 520 && degraded)).toHaveLength(5);
    expect(watched.arrivals).toHaveLength(reached);
    const trips = (await consoleOf(second).transitions(HOST)).filter(({ to }) => to === 'open');
    expect(trips).toMatchObject([{ generation: opened.generation, window: { total: 3 + THRESHOLD, errors: THRESHOLD } }]);

    const closed = await transition(second, ({ to }) => to === 'closed', 30_000);
    expect(closed).toMatchObject({ generation: opened.generation + 1, from: 'open', cause: { kind: 'deadline' }, atMs: opened.openUntilMs });
    expect(await callTimes(second, 1, '')).toMatchObject([{ status: 200, degraded: false }]);
    expect(await second.stop()).toBe(0);
  });

  it('right after answers: each of them is in the window once, after any number of restarts', { timeout: DEADLINE_MS }, async (context) => {
    const { write, start, watched } = await bench(context);
    await write('policy.yaml', policyYaml({ errors: 100_000 }));
    watched.begin(1);
    for (const made of [300, 600]) {
      const standalone = await start();
      const { proxy } = standalone.addresses;
      await runLoad({ proxy, host: HOST, path: '/echo?status=503:20', connections: 10, calls: 300, qps: 0 });
      await standalone.kill();
      const checked = await start();
      const { window } = await eventually(async () => {
        const breaker = await consoleOf(checked).breaker(HOST);
        return breaker.window.total >= made ? breaker : undefined;
      }, { what: `${made} calls in the window` });
      expect(window).toMatchObject({ total: made, errors: made / 5 });
      expect(await checked.stop()).toBe(0);
    }
  });

  it('under load: every answer is counted, and nothing that was not called', { timeout: DEADLINE_MS }, async (context) => {
    const { write, start, watched } = await bench(context);
    await write('policy.yaml', policyYaml({ errors: 100_000 }));
    const first = await start();
    const { proxy } = first.addresses;
    let killing: Promise<void> | undefined;
    const ends = await runLoad({
      proxy, host: HOST, path: '/echo?delay=2ms', connections: 10, calls: 5_000, qps: 0,
      isOver: (ended) => {
        if (ended.length >= 200) killing ??= first.kill();
        return ended.some(({ failure }) => failure !== undefined);
      },
    });
    await killing;
    const answered = ends.filter(({ status }) => status === 200).length;
    expect(answered).toBeGreaterThanOrEqual(200);
    expect(answered).toBeLessThan(5_000);

    const second = await start();
    const { window } = await eventually(async () => {
      const breaker = await consoleOf(second).breaker(HOST);
      return breaker.window.total >= answered ? breaker : undefined;
    }, { what: `${answered} calls in the window` });
    expect(window.total).toBeLessThanOrEqual(watched.arrivals.length);
    expect(window.errors).toBe(0);
    const [more] = await callTimes(second, 1, '');
    expect(more?.status).toBe(200);
    const again = await eventually(async () => {
      const breaker = await consoleOf(second).breaker(HOST);
      return breaker.window.total > window.total ? breaker : undefined;
    }, { what: 'one more call in the window' });
    expect(again.window.total).toBe(window.total + 1);
  });
});

describe.concurrent('a directory of documents that changes', () => {
  it('closes a breaker whose policy is deleted, and begins fresh when it is applied again', { timeout: DEADLINE_MS }, async (context) => {
    const { write, remove, start } = await bench(context);
    await write('policy.yaml', policyYaml({ degraded: '10m' }));
    const standalone = await start();
    await callTimes(standalone, THRESHOLD, '?status=503');
    await refusal(standalone);
    const { generation } = await consoleOf(standalone).breaker(HOST);

    await remove('policy.yaml');
    const deleted = await transition(standalone, ({ cause }) => cause.kind === 'policy');
    expect(deleted).toMatchObject({ generation: generation + 1, from: 'open', to: 'closed' });
    const passed = await eventually(async () => (await callTimes(standalone, 1, '')).find(({ degraded }) => !degraded), { what: 'a call that passes' });
    expect(passed.status).toBe(200);

    await write('policy.yaml', policyYaml({ degraded: '10m' }));
    const applied = await transition(standalone, ({ generation: each }) => each === generation + 2);
    expect(applied).toMatchObject({ from: 'closed', to: 'closed', cause: { kind: 'policy' } });
    await callTimes(standalone, THRESHOLD - 1, '?status=503');
    expect(await callTimes(standalone, 1, '')).toMatchObject([{ status: 200, degraded: false }]);
    await callTimes(standalone, 1, '?status=503');
    await refusal(standalone);
    const tripped = await transition(standalone, ({ generation: each }) => each === generation + 3);
    expect(tripped).toMatchObject({ to: 'open', window: { total: THRESHOLD + 1, errors: THRESHOLD } });
    expect(await standalone.stop()).toBe(0);
  });

  it('refuses a bad file whole, says where and what is allowed, and keeps what was in force', { timeout: DEADLINE_MS }, async (context) => {
    const { write, start } = await bench(context);
    await write('policy.yaml', policyYaml({ degraded: '10m' }));
    const standalone = await start();
    const { policy } = await eventually(() => consoleOf(standalone).findBreaker(HOST), { what: 'the policy to be in force' });

    const good = policyYaml({ errors: 1 });
    const lines = good.split('\n').length;
    const bad = policyYaml({ status: '99' }).replaceAll('orders', 'carts').replace('errorAmountThreshold', 'errorAmountTreshold');
    await write('policy.yaml', `${good}---\n${bad}`);
    const { msg: range } = await errorLine(standalone, 'circuitBreaking.degradedStatusCode');
    const { msg: misspelt } = await errorLine(standalone, 'circuitBreaking.errorAmountTreshold');
    const lineOf = (field: string): number => lines + 1 + bad.split('\n').findIndex((line) => line.includes(field));
    expect(range).toContain(`policy.yaml:${lineOf('degradedStatusCode')}:`);
    expect(range).toContain('spec.connectionSettings.http.circuitBreaking.degradedStatusCode');
    expect(range).toMatch(/found 99.*allowed: .*200.*599/);
    expect(misspelt).toContain(`policy.yaml:${lineOf('errorAmountTreshold')}:`);
    expect(misspelt).toContain('errorAmountThreshold');

    await callTimes(standalone, THRESHOLD - 1, '?status=503');
    expect(await callTimes(standalone, 1, '')).toMatchObject([{ status: 200, degraded: false }]);
    await callTimes(standalone, 1, '?status=503');
    await refusal(standalone);
    expect(await consoleOf(standalone).breaker(HOST)).toMatchObject({ state: 'open', policy });

    await write('policy.yaml', policyYaml({ degraded: '10m', status: '521' }));
    await eventually(async () => (await callTimes(standalone, 1, '')).find(({ status }) => status === 521), { what: 'the mended file to be in force' });
    expect(await standalone.stop()).toBe(0);
  });
});

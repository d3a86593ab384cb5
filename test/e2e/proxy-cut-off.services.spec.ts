/**
 * V4 with real stores: a proxy that is cut off from Redis and Kafka while its upstream breaks, and while it heals. Its
 * Redis goes silent without a word, as a broken path does; its Kafka is killed.
 */
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import type { BreakerView } from '../support/console-client.ts';
import { eventually } from '../support/eventually.ts';
import type { ConsoleMember, ProxyMember } from '../support/fleet.ts';
import { ownKafka, ownRedis } from '../support/services/services.ts';
import { gateTo } from '../support/tcp-gate.ts';
import { HOST, THRESHOLD, callTimes, openShop, passageAt, refusalAt } from './shop.ts';

const DEADLINE_MS = 240_000;
const PARTITIONS = 3;

interface CutOff {
  readonly proxy: ProxyMember;
  readonly console: ConsoleMember;
  /** Resolves when the proxy says that it judges alone. */
  readonly cut: () => Promise<void>;
  /** Resolves when everybody is ready. */
  readonly restore: () => Promise<void>;
}

async function openCutOff(context: Pick<TestContext, 'skip'>, policy: { readonly degraded: string }): Promise<CutOff> {
  const [kafka, redis] = await Promise.all([ownKafka({ ...context, onTestFinished }), ownRedis({ ...context, onTestFinished })]);
  const gate = await gateTo(redis.port);
  const shop = await openShop({ onTestFinished }, { kafkaBrokers: kafka.brokers, redisUrl: redis.url });
  await shop.policy(policy);
  const env = { FUSEBOARD_REDIS_URL: `redis://127.0.0.1:${gate.port}`, FUSEBOARD_STATE_MAX_AGE: '2s' };
  const [ingest, proxy, console] = await Promise.all([shop.stage.ingest(), shop.stage.proxy(env), shop.stage.console()]);
  await shop.stage.ready([ingest, proxy, console]);
  return {
    proxy,
    console,
    cut: async () => {
      gate.state = 'dead';
      await kafka.stop('SIGKILL');
      await eventually(async () => ((await gauge(proxy, 'fuseboard_local_partitions')) === PARTITIONS ? true : undefined), { what: 'the proxy to judge alone', deadlineMs: 30_000 });
    },
    restore: async () => {
      gate.state = 'open';
      gate.cut();
      await kafka.start();
      await shop.stage.ready([ingest, proxy, console]);
    },
  };
}

async function gauge({ admin }: ProxyMember, name: string): Promise<number> {
  const text = await (await fetch(`http://${admin.host}:${admin.port}/metrics`)).text();
  return Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1]);
}

async function missing({ admin }: ProxyMember): Promise<string[]> {
  const body = (await (await fetch(`http://${admin.host}:${admin.port}/readyz`)).json()) as { missing?: { name: string }[] };
  return (body.missing ?? []).map(({ name }) => name.replace(/ at .*/, '')).toSorted();
}

const breaker = (console: ConsoleMember, is: (found: BreakerView) => boolean): Promise<BreakerView> =>
  eventually(async () => [await console.client.breaker(HOST)].find(is), { what: 'the breaker as it should be', deadlineMs: 60_000 });

describe('a proxy cut off from its stores', () => {
  it('while its upstream breaks: refuses by its own outcomes for the policy’s time, then the fleet’s state rules', { timeout: DEADLINE_MS }, async (context) => {
    const { proxy, console, cut, restore } = await openCutOff(context, { degraded: '4s' });
    const before = await console.client.breaker(HOST);
    await cut();
    expect(await missing(proxy)).toEqual(['Kafka', 'Redis', 'states']);
    const broken = await callTimes(proxy.proxy, THRESHOLD, '?status=503');
    expect(broken.filter(({ status, degraded }) => status === 503 && !degraded)).toHaveLength(THRESHOLD);
    const [refused] = await callTimes(proxy.proxy, 1);
    expect(refused).toMatchObject({ status: 520, degraded: true });
    expect(Number(refused?.own?.retryAfter)).toBeLessThanOrEqual(4);
    expect(await gauge(proxy, 'fuseboard_local_open')).toBe(1);
    const passed = await passageAt(proxy.proxy);
    expect(passed.doneMs - (refused?.sentMs ?? 0)).toBeGreaterThan(3_000);
    expect(await missing(proxy)).toEqual(['Kafka', 'Redis', 'states']);

    await restore();
    // The errors reach the log after all, and the fleet judges by them: late, but by the same policy, and for everybody.
    await breaker(console, ({ generation }) => generation > before.generation);
    expect([await gauge(proxy, 'fuseboard_local_partitions'), await gauge(proxy, 'fuseboard_local_open')]).toEqual([0, 0]);
    const closed = await breaker(console, ({ state, generation }) => state === 'closed' && generation > before.generation);
    expect(closed.generation).toBe(before.generation + 2);
    await passageAt(proxy.proxy);
  });

  it('while its upstream heals: refuses until the fleet’s lease ends, then forwards by itself; nothing opens anew', { timeout: DEADLINE_MS }, async (context) => {
    const { proxy, console, cut, restore } = await openCutOff(context, { degraded: '15s' });
    await callTimes(proxy.proxy, THRESHOLD, '?status=503');
    await refusalAt(proxy.proxy);
    const opened = await breaker(console, ({ state }) => state === 'open');
    await cut();
    expect(Date.now(), 'this machine took longer than the breaker is open').toBeLessThan(opened.openUntilMs as number);
    expect(await callTimes(proxy.proxy, 1)).toMatchObject([{ status: 520, degraded: true }]);
    const passed = await passageAt(proxy.proxy);
    expect(passed.doneMs).toBeGreaterThanOrEqual(opened.openUntilMs as number);
    const healed = await callTimes(proxy.proxy, 3 * THRESHOLD);
    expect(healed.filter(({ status }) => status === 200)).toHaveLength(3 * THRESHOLD);

    await restore();
    const closed = await breaker(console, ({ state, window }) => state === 'closed' && window.total > 3 * THRESHOLD);
    expect(closed).toMatchObject({ generation: opened.generation + 1, window: { errors: 0 } });
    expect(await callTimes(proxy.proxy, 1)).toMatchObject([{ status: 200, degraded: false }]);
  });
});

/** The fleet's processes while their Kafka or their Redis is away: nobody ends, everybody says so, and all goes on. */
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { isReady, type Program } from '../support/program.ts';
import type { KafkaServer } from '../support/services/kafka.ts';
import type { RedisServer } from '../support/services/redis.ts';
import { ownKafka, ownRedis } from '../support/services/services.ts';
import { HOST, THRESHOLD, callTimes, openShop, refusalAt } from './shop.ts';

const DEADLINE_MS = 240_000;

type Ends = Parameters<typeof ownKafka>[0];

async function own(context: Ends): Promise<{ kafka: KafkaServer; redis: RedisServer }> {
  const [kafka, redis] = await Promise.all([ownKafka(context), ownRedis(context, { args: ['--appendonly', 'yes', '--appendfsync', 'always'] })]);
  return { kafka, redis };
}

const addressesOf = ({ kafka, redis }: { kafka: KafkaServer; redis: RedisServer }) => ({ kafkaBrokers: kafka.brokers, redisUrl: redis.url });

const said = (program: Program, part: string): Promise<true> =>
  eventually(() => (program.log.some(({ msg }) => msg.includes(part)) ? true : undefined), { what: `a line with "${part}"`, deadlineMs: 60_000 });

const ready = ({ admin }: { admin: Parameters<typeof isReady>[0] }, wanted: boolean): Promise<true> =>
  eventually(async () => ((await isReady(admin)) === wanted ? true : undefined), { what: wanted ? 'ready' : 'not ready', deadlineMs: 90_000 });

describe.concurrent('with Kafka and Redis away', () => {
  it('from the start: every process waits, says so, is not ready and does not end; the proxy serves; then all is well', { timeout: DEADLINE_MS }, async (context) => {
    const { kafka, redis } = await own(context);
    await Promise.all([kafka.stop(), redis.stop()]);
    const { stage, policy } = await openShop(context, addressesOf({ kafka, redis }));
    await policy();
    const [ingest, proxy, console] = await Promise.all([stage.ingest(), stage.proxy(), stage.console()]);
    for (const member of [ingest, proxy, console]) {
      await said(member, `Kafka at ${kafka.brokers} is out of reach`);
      await said(member, `Redis at 127.0.0.1:${redis.port} is out of reach`);
      expect(member.hasEnded).toBe(false);
    }
    expect([await isReady(ingest.admin), await isReady(proxy.admin), await isReady(console.console)]).toEqual([false, false, false]);
    expect(await callTimes(proxy.proxy, 1)).toMatchObject([{ status: 404 }]);
    await Promise.all([kafka.start(), redis.start()]);
    await stage.ready([ingest, proxy, console]);
    await said(ingest, 'is in reach again');
    await callTimes(proxy.proxy, THRESHOLD, '?status=503');
    await refusalAt(proxy.proxy);
    expect(await stage.stop()).toEqual([0, 0, 0]);
  });

  it('later, one after the other, killed: calls go on being answered, and what was counted stays counted', { timeout: DEADLINE_MS }, async (context) => {
    const { kafka, redis } = await own(context);
    const { stage, policy } = await openShop(context, addressesOf({ kafka, redis }));
    await policy();
    const [ingest, proxy, console] = await Promise.all([stage.ingest(), stage.proxy(), stage.console()]);
    await stage.ready([ingest, proxy, console]);
    await callTimes(proxy.proxy, 2, '?status=503');
    const counted = (total: number): Promise<true> =>
      eventually(async () => ((await console.client.breaker(HOST)).window.total === total ? true : undefined), { what: `${total} counted`, deadlineMs: 60_000 });
    await counted(2);

    await redis.stop('SIGKILL');
    await ready(proxy, false);
    await ready(ingest, false);
    expect(await callTimes(proxy.proxy, 1, '?status=503')).toMatchObject([{ status: 503, degraded: false }]);
    await redis.start();
    await counted(3);
    await stage.ready([ingest, proxy, console]);

    await kafka.stop('SIGKILL');
    await ready(proxy, false);
    await ready(ingest, false);
    expect(await callTimes(proxy.proxy, 1, '?status=503')).toMatchObject([{ status: 503, degraded: false }]);
    await kafka.start();
    await counted(4);
    await stage.ready([ingest, proxy, console]);
    expect(await callTimes(proxy.proxy, 1, '?status=503')).toMatchObject([{ degraded: false }]);
    await refusalAt(proxy.proxy);
    for (const member of [ingest, proxy, console]) expect(member.hasEnded).toBe(false);
  });

  it('after FLUSHALL: what is open stays open for the proxies, and comes back into Redis as it was', { timeout: DEADLINE_MS }, async (context) => {
    const { kafka, redis } = await own(context);
    const { stage, policy } = await openShop(context, addressesOf({ kafka, redis }));
    await policy();
    const [ingest, proxy, console] = await Promise.all([stage.ingest(), stage.proxy(), stage.console()]);
    await stage.ready([ingest, proxy, console]);
    await callTimes(proxy.proxy, THRESHOLD, '?status=503');
    await refusalAt(proxy.proxy);
    const before = await console.client.breaker(HOST);
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
    expect(await callTimes(proxy.proxy, 3)).toMatchObject([{ degraded: true }, { degraded: true }, { degraded: true }]);
    const late = await stage.proxy();
    await stage.ready([ingest, proxy, late, console]);
    await refusalAt(late.proxy);
    expect(await console.client.breaker(HOST)).toMatchObject({ state: 'open', generation: before.generation, incarnation: before.incarnation });
  });
});

/** Redis lost for ever, with calls all the while: an inconvenience. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { partitionOf } from '#wire';
import type { CallEnd } from '../scenarios/load.ts';
import { run, type Finished } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { redisClient, stageRedis } from '../support/redis-stage.ts';
import { services } from '../support/services/services.ts';
import { Versions } from '../support/versions.ts';
import { HOST, THRESHOLD, callTimes, openShop, passageAt, refusalAt } from './shop.ts';

const PARTITIONS = 3;
const DEADLINE_MS = 180_000;

async function deleteAll(prefix: string): Promise<number> {
  const redis = redisClient();
  const keys = await redis.keys(`${prefix}:*`);
  return await redis.del(...keys);
}

describe('fuseboard rebuild', () => {
  it('makes a Redis that was emptied under load again, while proxies refuse as before and no version goes back', { timeout: DEADLINE_MS }, async (context) => {
    const { stage, policy, prefix } = await openShop(context, services());
    await policy();
    const [ingest, proxy] = await Promise.all([stage.ingest(), stage.proxy()]);
    await stage.ready([ingest, proxy]);
    const { kafkaBrokers, redisUrl } = services();
    const env = { FUSEBOARD_KAFKA_BROKERS: kafkaBrokers, FUSEBOARD_REDIS_URL: redisUrl, FUSEBOARD_TOPIC_PREFIX: `${prefix}.`, FUSEBOARD_REDIS_PREFIX: `${prefix}:`, FUSEBOARD_PARTITIONS: `${PARTITIONS}` };
    const command = (...args: readonly string[]): Promise<Finished> => run(args, { env });

    const versions = new Versions();
    const follower = stageRedis({ prefix: `${prefix}:`, partitions: PARTITIONS });
    onTestFinished(await follower.stateFeed.follow((update) => versions.hear(update)));
    await callTimes(proxy.proxy, THRESHOLD, '?status=503');
    await refusalAt(proxy.proxy);
    const before = await eventually(() => (versions.newest.get(HOST)?.state === 'open' ? versions.newest.get(HOST) : undefined), { what: 'the follower to know' });

    const load = new AbortController();
    const ends: CallEnd[] = [];
    const calling = (async () => {
      while (!load.signal.aborted) ends.push(...(await callTimes(proxy.proxy, 5)));
    })();
    onTestFinished(() => load.abort());
    expect(await ingest.stop()).toBe(0);
    expect(await deleteAll(prefix)).toBeGreaterThan(0);
    await eventually(() => versions.unknown > 0 || undefined, { what: 'the follower to find nothing' });
    const lost = await command('verify');
    expect([lost.status, lost.stdout]).toEqual([3, expect.stringContaining('the store has nothing of this partition')]);

    expect(await command('rebuild')).toMatchObject({ status: 0, stderr: '' });
    const after = await stageRedis({ prefix: `${prefix}:`, partitions: PARTITIONS }).states.read(partitionOf(HOST, PARTITIONS));
    expect(after.snapshots).toContainEqual(before);
    expect(await command('verify')).toMatchObject({ status: 0 });
    load.abort();
    await calling;
    expect(ends.length).toBeGreaterThan(0);
    expect(ends.filter(({ degraded }) => !degraded)).toEqual([]);

    const next = await stage.ingest();
    await stage.ready([next, proxy]);
    await refusalAt(proxy.proxy);
    expect(versions.faults).toEqual([]);
    expect(await command('verify')).toMatchObject({ status: 0 });
  });

  it('runs beside an ingest that goes on committing, and both end with what the log says', { timeout: DEADLINE_MS }, async (context) => {
    const { stage, policy, prefix } = await openShop(context, services());
    await policy({ errors: 1_000_000 });
    const [ingest, proxy] = await Promise.all([stage.ingest(), stage.proxy()]);
    await stage.ready([ingest, proxy]);
    const { kafkaBrokers, redisUrl } = services();
    const env = { FUSEBOARD_KAFKA_BROKERS: kafkaBrokers, FUSEBOARD_REDIS_URL: redisUrl, FUSEBOARD_TOPIC_PREFIX: `${prefix}.`, FUSEBOARD_REDIS_PREFIX: `${prefix}:`, FUSEBOARD_PARTITIONS: `${PARTITIONS}` };
    await passageAt(proxy.proxy);
    const load = new AbortController();
    const calling = (async () => {
      while (!load.signal.aborted) await callTimes(proxy.proxy, 5, '?status=503:30');
    })();
    onTestFinished(() => load.abort());
    for (let round = 0; round < 2; round++) expect(await run(['rebuild'], { env })).toMatchObject({ status: 0, stderr: '' });
    load.abort();
    await calling;
    expect(await run(['verify'], { env })).toMatchObject({ status: 0 });
  });
});

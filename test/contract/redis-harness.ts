/** Redis' half of the fleet's drivers, wherever that Redis is, for the contract suite; its logs are embedded ones. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { openEmbedded, type Embedded } from '#drivers';
import { ControlView } from '#engine';
import { Secret } from '#runtime';
import { DocumentPublisher } from '../../libs/drivers/src/fleet/document-publisher.ts';
import { openRedis } from '../../libs/drivers/src/redis/redis.ts';
import { strangerTo } from '../support/redis-stage.ts';
import { uniquePrefix } from '../support/services/services.ts';
import type { DriverUnderTest, Harness } from './harness.ts';

/** So that the nodes of a Cluster have one each. */
const PARTITIONS = 3;
const FRESHNESS_MS = 50;

/** What the servers are. */
export interface Place {
  readonly url: string;
  close(): Promise<void>;
}

/** One place for all tests of a file. */
export function redisHarness(name: string, open: () => Promise<Place>): Harness {
  const allLogs: Embedded[] = [];
  let place: Place | undefined;
  beforeAll(async () => void (place = await open()));
  afterAll(async () => void (await Promise.all([place?.close(), ...allLogs.map((each) => each.close())])));
  const url = (): string => (place as Place).url;
  const loggedBy = new WeakMap<DriverUnderTest, Embedded>();
  const prefixes = new WeakMap<DriverUnderTest, string>();
  const openOn = async (prefix = uniquePrefix(), logs = openEmbedded({ dataDir: ':memory:' })): Promise<DriverUnderTest> => {
    const redis = openRedis({
      redisUrl: new Secret(url()),
      prefix: `${prefix}:`,
      partitions: PARTITIONS,
      instance: prefix,
      reach: { failed: () => {}, reached: () => {} },
      // Listeners that throw are meant to be reported; nobody need read it here.
      onError: () => {},
      freshnessMs: FRESHNESS_MS,
    });
    await redis.prepare();
    const unpublish = await new DocumentPublisher({ control: logs.control, view: new ControlView(logs.control), store: redis.documentStore, onError: () => {} }).start();
    const driver: DriverUnderTest = {
      ...logs,
      states: redis.states,
      kept: redis.states,
      stateFeed: redis.stateFeed,
      documentFeed: redis.documentFeed,
      presence: redis.presence,
      partitions: PARTITIONS,
      prepare: () => redis.prepare(),
      publishDocuments: () => Promise.resolve(unpublish),
      appendRaw: () => Promise.reject(new Error('assertion: this harness has no foreign producers')),
      letters: () => Promise.reject(new Error('assertion: this harness has no dead letters')),
      close: async () => void (await Promise.all([unpublish(), redis.close()])),
    };
    prefixes.set(driver, prefix);
    loggedBy.set(driver, logs);
    allLogs.push(logs);
    return driver;
  };
  const prefixOf = (driver: DriverUnderTest): string => String(prefixes.get(driver));
  return {
    name,
    open: () => openOn(),
    crash: async (driver) => {
      await driver.close();
      return await openOn(prefixOf(driver), loggedBy.get(driver));
    },
    breakCommits: async (driver) => {
      const redis = strangerTo(url());
      const outbox = `${prefixOf(driver)}:{0}:outbox`;
      while (redis.status !== 'ready') await sleep(10);
      const kept = await redis.dumpBuffer(outbox);
      await redis.set(outbox, 'no outbox');
      return async () => {
        await redis.del(outbox);
        if (kept !== null) await redis.restore(outbox, 0, kept);
        redis.disconnect();
      };
    },
  };
}

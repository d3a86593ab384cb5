/** The fleet's drivers as the contract suite drives them, on a real Kafka and a real Redis. */
import { Redis } from 'ioredis';
import kafkajs, { type Admin, type KafkaMessage, type Producer } from 'kafkajs';
import { openFleet } from '#drivers';
import type { DeadLetter } from '#engine';
import { Secret, parseAddress, type Address } from '#runtime';
import { services, uniquePrefix } from '../support/services/services.ts';
import { eventually } from '../support/eventually.ts';
import type { DriverUnderTest, Harness } from './harness.ts';

const PARTITIONS = 2;
const FRESHNESS_MS = 50;

interface Opened {
  readonly prefix: string;
  /** Ends the driver; its logs and keys stay. */
  readonly end: () => Promise<void>;
  /** Another one goes on with them. */
  isCrashed: boolean;
}

const openedDrivers = new WeakMap<DriverUnderTest, Opened>();

function openedOf(driver: DriverUnderTest): Opened {
  const found = openedDrivers.get(driver);
  if (found === undefined) throw new Error('this harness opened no such driver');
  return found;
}

const topic = (prefix: string, name: string): string => `${prefix}.${name}`;

/** A stranger's Kafka clients. */
class Stranger {
  readonly #kafka = new kafkajs.Kafka({ brokers: services().kafkaBrokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  #producer: Promise<Producer> | undefined;
  #admin: Promise<Admin> | undefined;

  producer(): Promise<Producer> {
    const producer = this.#kafka.producer();
    return (this.#producer ??= producer.connect().then(() => producer));
  }

  admin(): Promise<Admin> {
    const admin = this.#kafka.admin();
    return (this.#admin ??= admin.connect().then(() => admin));
  }

  async leave(): Promise<void> {
    await Promise.all([this.#producer, this.#admin].map(async (client) => (await client)?.disconnect()));
  }

  /** Everything that is in a topic now. */
  async read(name: string): Promise<KafkaMessage[]> {
    const offsets = await (await this.admin()).fetchTopicOffsets(name);
    const expected = offsets.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
    const found: KafkaMessage[] = [];
    const consumer = this.#kafka.consumer({ groupId: `${name}.${Math.random().toString(36).slice(2)}`, maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topic: name, fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void found.push(message) });
    await eventually(() => (found.length >= expected ? true : undefined), { what: `${expected} records of ${name}` });
    await consumer.disconnect();
    return found;
  }
}

async function open(prefix = uniquePrefix()): Promise<DriverUnderTest> {
  const { kafkaBrokers, redisUrl } = services();
  const brokers = kafkaBrokers.split(',').map((broker) => parseAddress(broker) as Address);
  const unheard = { failed: () => {}, reached: () => {} };
  const fleet = openFleet({
    config: { kind: 'fleet', kafkaBrokers: brokers, redisUrl: new Secret(redisUrl), topicPrefix: `${prefix}.`, redisPrefix: `${prefix}:`, partitions: PARTITIONS },
    instance: prefix,
    kafka: unheard,
    redis: unheard,
    // Batches that a test refuses, and listeners that throw, are meant to be reported; nobody need read it here.
    onError: () => {},
    freshnessMs: FRESHNESS_MS,
  });
  await fleet.prepare();
  const unpublish = await fleet.publishDocuments();
  const stranger = new Stranger();
  const driver: DriverUnderTest = {
    ...fleet,
    appendRaw: async (partition, key, value) => {
      const message = { partition, key: key && Buffer.from(key), value: value && Buffer.from(value) };
      await (await stranger.producer()).send({ topic: topic(prefix, 'outcomes'), messages: [message] });
    },
    letters: async () => (await stranger.read(topic(prefix, 'outcomes.dead'))).map(letterOf),
    close: async () => {
      await opened.end();
      if (!opened.isCrashed) await forget(prefix, await stranger.admin());
      await stranger.leave();
    },
  };
  const opened: Opened = { prefix, isCrashed: false, end: async () => void (await Promise.all([unpublish(), fleet.close()])) };
  openedDrivers.set(driver, opened);
  return driver;
}

function letterOf({ key, value, headers }: KafkaMessage): DeadLetter {
  const header = (name: string): string => String(headers?.[`fuseboard-${name}`]);
  return { partition: Number(header('partition')), offset: Number(header('offset')), reason: header('reason'), key, value };
}

async function forget(prefix: string, admin: Admin): Promise<void> {
  await admin.deleteTopics({ topics: ['outcomes', 'control', 'transitions', 'outcomes.dead', 'checkpoints'].map((name) => topic(prefix, name)) });
}

/** Its logs and keys stay; nothing is finished. */
async function crash(driver: DriverUnderTest): Promise<DriverUnderTest> {
  const opened = openedOf(driver);
  opened.isCrashed = true;
  await opened.end();
  return await open(opened.prefix);
}

/** A key of another type, which nothing can be written to. */
async function breakCommits(driver: DriverUnderTest): Promise<() => Promise<void>> {
  const { prefix } = openedOf(driver);
  const redis = new Redis(services().redisUrl);
  const outbox = `${prefix}:{0}:outbox`;
  const kept = await redis.dumpBuffer(outbox);
  await redis.set(outbox, 'no outbox');
  return async () => {
    await redis.del(outbox);
    if (kept !== null) await redis.restore(outbox, 0, kept);
    await redis.quit();
  };
}

export const fleetHarness: Harness = { name: 'fleet', open: () => open(), crash, breakCommits };

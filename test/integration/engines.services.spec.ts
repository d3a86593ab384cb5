/** A rolling upgrade of the engine's rules: an older and a newer ingest in one consumer group, on a real Kafka and Redis. */
import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openFleet, type Drivers } from '#drivers';
import { ENGINE_VERSION, Pump } from '#engine';
import { Secret, parseAddress, type Address } from '#runtime';
import { partitionOf } from '#wire';
import { services, uniquePrefix } from '../support/services/services.ts';

const PARTITIONS = 2;
const OLD = ENGINE_VERSION;
const NEW = ENGINE_VERSION + 1;

interface Ingest {
  readonly drivers: Drivers;
  readonly leftAlone: string[];
  readonly owned: () => number[];
  readonly stop: () => Promise<void>;
}

async function ingestOf(prefix: string, engine: number): Promise<Ingest> {
  const { kafkaBrokers, redisUrl } = services();
  const brokers = kafkaBrokers.split(',').map((broker) => parseAddress(broker) as Address);
  const unheard = { failed: () => {}, reached: () => {} };
  const config = { kind: 'fleet', kafkaBrokers: brokers, redisUrl: new Secret(redisUrl), topicPrefix: `${prefix}.`, redisPrefix: `${prefix}:`, partitions: PARTITIONS } as const;
  const drivers = openFleet({ config, instance: `engine-${engine}`, kafka: unheard, redis: unheard, onError: () => {}, engine });
  onTestFinished(() => drivers.close());
  await drivers.prepare();
  const leftAlone: string[] = [];
  const nothing = (): void => {};
  const observer = { folded: nothing, committed: nothing, published: nothing, sentOn: nothing, incarnated: nothing, postponed: nothing, leftAlone: (_: number, why: string) => void leftAlone.push(why) };
  const owns = (upstream: string, partition: number): boolean => partitionOf(upstream, PARTITIONS) === partition;
  const pump = new Pump(drivers, { group: 'ingest', owns, newId: randomUUID, engine, observer });
  const stop = await drivers.reader.run(pump);
  const timer = setInterval(() => void pump.pulse(Date.now()), 50);
  onTestFinished(() => clearInterval(timer));
  return { drivers, leftAlone, owned: () => pump.positions().map(({ partition }) => partition).toSorted((a, b) => a - b), stop };
}

test('a newer ingest gets every partition, takes over what the older committed, and is never followed by an older one', { timeout: 90_000 }, async () => {
  const prefix = uniquePrefix();
  const old = await ingestOf(prefix, OLD);
  const kept = async (): Promise<unknown[]> => await Promise.all([0, 1].map(async (partition) => (await old.drivers.kept.read(partition)).meta));
  await vi.waitFor(() => expect(old.owned()).toEqual([0, 1]), { timeout: 30_000, interval: 20 });
  await vi.waitFor(async () => expect(await kept()).toMatchObject([{ engine: OLD, incarnation: 1 }, { engine: OLD, incarnation: 1 }]), { timeout: 30_000, interval: 20 });

  const young = await ingestOf(prefix, NEW);
  await vi.waitFor(() => expect([old.owned(), young.owned()]).toEqual([[], [0, 1]]), { timeout: 30_000, interval: 20 });
  await vi.waitFor(async () => expect(await kept()).toMatchObject([{ engine: NEW, incarnation: 1 }, { engine: NEW, incarnation: 1 }]), { timeout: 30_000, interval: 20 });
  // Each partition's owner may write it; a repeat changes nothing.
  expect(new Set((await young.drivers.control.read(0)).flatMap(({ change }) => (change.kind === 'engine' ? [change.version] : [])))).toEqual(new Set([NEW]));
  expect(old.leftAlone.length).toBeLessThanOrEqual(2 * PARTITIONS);

  await young.stop();
  const before = await kept();
  await vi.waitFor(() => expect(old.leftAlone).toEqual(expect.arrayContaining([0, 1].map((partition) => expect.stringContaining(`partition ${partition} is folded by engine ${NEW}`)))), { timeout: 30_000, interval: 20 });
  expect(old.owned()).toEqual([]);
  expect(await kept()).toEqual(before);
});

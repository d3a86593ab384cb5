/** Kafka is not there, goes, hangs, returns, or is another one: nothing ends, nothing is lost, nothing is taken twice. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Kafka } from '../../libs/drivers/src/kafka/kafka.ts';
import { freeze } from '../support/freeze.ts';
import { Ledger, openStage, Owner, someOutcomes, Stranger } from '../support/kafka-stage.ts';
import { startKafka, type KafkaServer } from '../support/services/kafka.ts';

const PARTITIONS = 2;
/** After a SIGKILL a broker takes up to 14 s until it is one again. */
const BACK_WITHIN_MS = 40_000;
/** More records than a reader fetches ahead. */
const OUTGROWN = 6_000;

/** A broker of one's own, to be ended. */
async function ownBroker(): Promise<KafkaServer> {
  const broker = await startKafka();
  onTestFinished(() => broker.close());
  return broker;
}

interface Told {
  isReached: boolean | undefined;
  readonly reasons: string[];
}

function hearing(): { told: Told; reach: { failed(error: unknown): void; reached(): void } } {
  const told: Told = { isReached: undefined, reasons: [] };
  const failed = (error: unknown): void => {
    told.isReached = false;
    told.reasons.push(String(error));
  };
  return { told, reach: { failed, reached: () => void (told.isReached = true) } };
}

test('Kafka that is not there at the start is waited for: calls are refused in time, and all goes on when it comes', async () => {
  const broker = await ownBroker();
  await broker.stop();
  const { told, reach } = hearing();
  const { kafka } = openStage({ brokers: broker.brokers, reach, partitions: PARTITIONS });
  const prepared = kafka.prepare();
  const beganMs = performance.now();
  await expect(kafka.outcomes.append(someOutcomes('lost', 0, 1))).rejects.toThrow(/took longer than/);
  expect(performance.now() - beganMs).toBeLessThan(15_000);
  expect(told.isReached).toBe(false);
  expect(told.reasons[0]).toContain('ECONNREFUSED');
  const ledger = new Ledger();
  onTestFinished(await kafka.reader.run(new Owner(ledger)));
  await broker.start();
  await prepared;
  await kafka.outcomes.append(someOutcomes('x', 0, 10));
  await vi.waitFor(() => expect(ledger.ids).toHaveLength(10), BACK_WITHIN_MS);
  expect(told.isReached).toBe(true);
}, 120_000);

test('Kafka killed and started again: it is noticed within 5 s, and each record is taken once, in order, by whom it was', async () => {
  const broker = await ownBroker();
  const { told, reach } = hearing();
  const { kafka } = openStage({ brokers: broker.brokers, reach, partitions: PARTITIONS });
  await kafka.prepare();
  const ledger = new Ledger();
  const owner = new Owner(ledger);
  onTestFinished(await kafka.reader.run(owner));
  let news = 0;
  await kafka.control.onNews(() => news++);
  const appended: string[] = [];
  const over = new AbortController();
  const appending = (async () => {
    for (let n = 0; !over.signal.aborted; n++) {
      const outcomes = someOutcomes(`x${n}`, 0, 5);
      // As a reporter does: again, until it is acknowledged.
      while ((await kafka.outcomes.append(outcomes).catch(() => undefined)) === undefined) await sleep(20);
      appended.push(...outcomes.map(({ id }) => id as string));
      await sleep(5);
    }
  })();
  await vi.waitFor(() => expect(ledger.ids.length).toBeGreaterThan(50), BACK_WITHIN_MS);
  await vi.waitFor(() => expect(told.isReached).toBe(true), 5_000);
  await broker.stop('SIGKILL');
  await vi.waitFor(() => expect(told.isReached).toBe(false), 5_000);
  await broker.start();
  await vi.waitFor(() => expect(told.isReached).toBe(true), BACK_WITHIN_MS);
  const before = appended.length;
  await vi.waitFor(() => expect(appended.length).toBeGreaterThan(before + 50), BACK_WITHIN_MS);
  over.abort();
  await appending;
  await vi.waitFor(() => expect(new Set(ledger.ids)).toEqual(new Set(appended)), BACK_WITHIN_MS);
  for (const partition of [0, 1]) {
    const offsets = ledger.recordsOf(partition).map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.map((_, index) => index));
  }
  expect([owner.faults, owner.claims.toSorted((a, b) => a - b), owner.revocations]).toEqual([[], [0, 1], []]);
  await kafka.control.append([{ author: 'a', reason: 'r', source: 'api', change: { kind: 'clear', upstream: 'u' } }]);
  await vi.waitFor(() => expect(news).toBeGreaterThan(0), BACK_WITHIN_MS);
}, 180_000);

test('Kafka that hangs is noticed, and given up for as long as it does: connections that answer nothing are not kept', async () => {
  const broker = await ownBroker();
  const { told, reach } = hearing();
  const { kafka } = openStage({ brokers: broker.brokers, reach, partitions: PARTITIONS });
  await kafka.prepare();
  const ledger = new Ledger();
  onTestFinished(await kafka.reader.run(new Owner(ledger)));
  await kafka.outcomes.append(someOutcomes('before', 0, 10));
  await vi.waitFor(() => expect(ledger.ids).toHaveLength(10), BACK_WITHIN_MS);
  await freeze(broker.pid as number);
  const beganMs = performance.now();
  try {
    await expect(kafka.outcomes.append(someOutcomes('during', 0, 1))).rejects.toThrow(/took longer than|timed out/);
    await vi.waitFor(() => expect(told.isReached).toBe(false), 10_000);
    expect(performance.now() - beganMs).toBeLessThan(10_000);
  } finally {
    process.kill(broker.pid as number, 'SIGCONT');
  }
  await vi.waitFor(() => expect(told.isReached).toBe(true), BACK_WITHIN_MS);
  await kafka.outcomes.append(someOutcomes('behind', 0, 10));
  await vi.waitFor(() => expect(ledger.ids.filter((id) => id.startsWith('behind'))).toHaveLength(10), BACK_WITHIN_MS);
}, 120_000);

test('stopping and closing take a few seconds though Kafka is gone', async () => {
  const broker = await ownBroker();
  const { kafka } = openStage({ brokers: broker.brokers, partitions: PARTITIONS });
  await kafka.prepare();
  const owner = new Owner(new Ledger());
  const stop = await kafka.reader.run(owner);
  await vi.waitFor(() => expect(owner.owned).toEqual([0, 1]), BACK_WITHIN_MS);
  await broker.stop('SIGKILL');
  const beganMs = performance.now();
  await stop();
  await kafka.close();
  expect(performance.now() - beganMs).toBeLessThan(6_000);
  expect(owner.revocations).toHaveLength(PARTITIONS);
}, 60_000);

describe('V1: a topic deleted and made again', () => {
  /** Begins another log at its beginning, as an owner does. */
  function ownerOf(kafka: Kafka, ledger: Ledger): { owner: Owner; identities: (string | undefined)[] } {
    const identities: (string | undefined)[] = [];
    const owner = new Owner(ledger);
    const claim = owner.assigned.bind(owner);
    owner.assigned = async (partition) => {
      const { identity } = await kafka.reader.bounds(partition);
      identities.push(identity);
      if (identities.length > 1 && identity !== identities[0]) ledger.next.clear();
      return await claim(partition);
    };
    return { owner, identities };
  }

  async function makeAgain(topic: string): Promise<void> {
    const admin = await new Stranger().admin();
    await admin.deleteTopics({ topics: [topic] });
    const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
    await vi.waitFor(() => admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] }), 20_000);
  }

  test('is claimed again, and is known to be another', async () => {
    const { kafka, prefix } = openStage({ partitions: 1 });
    await kafka.prepare();
    const ledger = new Ledger();
    const { owner, identities } = ownerOf(kafka, ledger);
    await kafka.outcomes.append(someOutcomes('old', 0, 50));
    onTestFinished(await kafka.reader.run(owner));
    await vi.waitFor(() => expect(ledger.ids).toHaveLength(50), 20_000);
    await makeAgain(`${prefix}outcomes`);
    await vi.waitFor(() => kafka.outcomes.append(someOutcomes('new', 0, 3)), 30_000);
    await vi.waitFor(() => expect(ledger.ids.slice(50)).toEqual(['new-0', 'new-1', 'new-2']), 20_000);
    expect(new Set(identities).size).toBe(identities.length);
    expect(owner.faults).toEqual([]);
  }, 90_000);

  test('that has outgrown our position is claimed again before a record of it is handed over', async () => {
    const { kafka, prefix } = openStage({ partitions: 1 });
    await kafka.prepare();
    const ledger = new Ledger();
    const { owner } = ownerOf(kafka, ledger);
    const claimsAtFirstNew: number[] = [];
    const released = Promise.withResolvers<void>();
    owner.onTake = async (_, records) => {
      if (records.some(({ entry }) => entry.kind === 'outcome' && entry.outcome.id?.startsWith('new') === true)) claimsAtFirstNew.push(owner.claims.length);
      await released.promise;
    };
    // More than are fetched ahead: until the first are taken, nobody asks for more and nobody is told of the deletion.
    await kafka.outcomes.append(someOutcomes('old', 0, OUTGROWN));
    onTestFinished(await kafka.reader.run(owner));
    await vi.waitFor(() => expect(owner.claims).toHaveLength(1), 20_000);
    const claims = owner.claims.length;
    await makeAgain(`${prefix}outcomes`);
    const { kafka: again } = openStage({ prefix, partitions: 1 });
    await again.prepare();
    await again.outcomes.append(someOutcomes('new', 0, 2 * OUTGROWN));
    released.resolve();
    const wanted = someOutcomes('new', 0, 2 * OUTGROWN).map(({ id }) => id);
    await vi.waitFor(() => expect(ledger.ids.filter((id) => id.startsWith('new'))).toEqual(wanted), 20_000);
    expect(claimsAtFirstNew[0]).toBeGreaterThan(claims);
    expect(owner.faults).toEqual([]);
  }, 90_000);
});

test('what was deleted below our position is claimed again, not jumped over', async () => {
  const { kafka, prefix } = openStage({ partitions: 1 });
  await kafka.prepare();
  const owner = new Owner(new Ledger());
  const firsts: number[] = [];
  owner.assigned = async (partition) => {
    const { first } = await kafka.reader.bounds(partition);
    firsts.push(first);
    // A store that has fallen back knows of an offset that is gone; it says so once.
    return firsts.length === 1 ? 0 : first;
  };
  const taken: number[] = [];
  owner.take = async (_, records) => void taken.push(...records.map(({ offset }) => offset));
  await kafka.outcomes.append(someOutcomes('x', 0, 10));
  const admin = await new Stranger().admin();
  // Also lets the client find out who leads the partition.
  await admin.fetchTopicOffsets(`${prefix}outcomes`);
  await admin.deleteTopicRecords({ topic: `${prefix}outcomes`, partitions: [{ partition: 0, offset: '6' }] });
  onTestFinished(await kafka.reader.run(owner));
  await vi.waitFor(() => expect(taken).toEqual([6, 7, 8, 9]), 20_000);
  expect(firsts).toEqual([6, 6]);
});

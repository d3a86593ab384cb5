/** What other programs write into the outcomes topic, in ways that Kafka allows: wrong partitions, compressed, in transactions. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import kafkajs, { type KafkaMessage } from 'kafkajs';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { LogRecord, MisplacedRecord } from '#engine';
import { decodeEntry, encodeOutcome, partitionOf } from '#wire';
import type { Kafka } from '../../libs/drivers/src/kafka/kafka.ts';
import { Ledger, openStage, Owner, someOutcomes, Stranger } from '../support/kafka-stage.ts';
import { services } from '../support/services/services.ts';

const valueOf = (id: string, upstream = 'u1.test'): Buffer => Buffer.from(encodeOutcome({ ...someOutcomes(id, 0, 1)[0]!, upstream }));

async function readAll(kafka: Kafka, partition: number): Promise<readonly LogRecord[]> {
  return await kafka.reader.read(partition, 0, 10_000);
}

async function ownAll(kafka: Kafka): Promise<Ledger> {
  const ledger = new Ledger();
  onTestFinished(await kafka.reader.run(new Owner(ledger)));
  return ledger;
}

/** Everything in a topic that there is now. */
async function messagesIn(topic: string, count: number): Promise<(KafkaMessage & { partition: number })[]> {
  const consumer = new Stranger().kafka.consumer({ groupId: `${topic}.${Math.random()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  onTestFinished(() => consumer.disconnect());
  await consumer.subscribe({ topic, fromBeginning: true });
  const found: (KafkaMessage & { partition: number })[] = [];
  await consumer.run({ eachMessage: async ({ partition, message }) => void found.push({ ...message, partition }) });
  await vi.waitFor(() => expect(found.length).toBeGreaterThanOrEqual(count), 20_000);
  return found;
}

test('an outcome in a partition that is not its own is told as misrouted, a mark never is', async () => {
  const { kafka, prefix } = openStage({ partitions: 3 });
  await kafka.prepare();
  const producer = await new Stranger().producer();
  const own = partitionOf('u1.test', 3);
  const other = (own + 1) % 3;
  const value = valueOf('x', 'U1.test');
  await producer.send({ topic: `${prefix}outcomes`, messages: [{ partition: other, key: 'anything', value }, { partition: own, key: null, value }] });
  await kafka.outcomes.appendMark(other, { control: -1, hash: '' });
  const [misrouted, mark] = await readAll(kafka, other);
  expect(misrouted?.entry).toEqual({ kind: 'misrouted', upstream: 'u1.test', reporter: 'r', count: 1, value, isSentOn: false });
  expect(mark?.entry.kind).toBe('mark');
  expect((await readAll(kafka, own))[0]?.entry.kind).toBe('outcome');
});

test('what is sent on goes to its own partition with its key, a header that says from where, an id, and else as it was', async () => {
  const { kafka, prefix } = openStage({ partitions: 3 });
  await kafka.prepare();
  const own = partitionOf('u1.test', 3);
  const bare = Buffer.from('{"v":1, "upstream":"u1.test", "at":1790000000000, "reporter":"r", "status":200, "zone":"é", "big":12345678901234567890}');
  const named = valueOf('named');
  const from = { upstream: 'u1.test', reporter: 'r', count: 1, partition: (own + 1) % 3 };
  const records: MisplacedRecord[] = [{ ...from, value: bare, offset: 7 }, { ...from, value: named, offset: 8 }];
  await kafka.outcomes.sendOn(records);
  const [first, second] = await messagesIn(`${prefix}outcomes`, 2);
  expect([first?.partition, second?.partition]).toEqual([own, own]);
  expect([String(first?.key), String(first?.headers?.['fuseboard-sent-on'])]).toEqual(['u1.test', `${from.partition}@7`]);
  expect(String(first?.value)).toBe(`{"id":"${from.partition}@7",${String(bare).slice(1)}`);
  expect(second?.value).toEqual(named);
  const read = await readAll(kafka, own);
  expect(read.map(({ entry }) => entry.kind === 'outcome' && entry.outcome.id)).toEqual([`${from.partition}@7`, 'named-0']);
});

test('what was sent on to a wrong partition once more is known to have been', async () => {
  const { kafka, prefix } = openStage({ partitions: 2 });
  await kafka.prepare();
  const other = 1 - partitionOf('u1.test', 2);
  const producer = await new Stranger().producer();
  await producer.send({ topic: `${prefix}outcomes`, messages: [{ partition: other, value: valueOf('x'), headers: { 'fuseboard-sent-on': '0@1' } }] });
  expect((await readAll(kafka, other))[0]?.entry).toMatchObject({ kind: 'misrouted', isSentOn: true });
});

test.each(['gzip', 'snappy', 'lz4', 'zstd'])('batches compressed by %s are read like others', async (codec) => {
  const { kafka, prefix } = openStage({ partitions: 1 });
  await kafka.prepare();
  const topic = `${prefix}outcomes`;
  // The broker compresses what it is given, as a Java producer would.
  const admin = await new Stranger().admin();
  const { TOPIC } = kafkajs.ConfigResourceTypes;
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: TOPIC, name: topic, configEntries: [{ name: 'compression.type', value: codec }, { name: 'message.timestamp.type', value: 'LogAppendTime' }] }] });
  const ledger = await ownAll(kafka);
  const [many, few] = [someOutcomes('m', 0, 900), someOutcomes('f', 0, 2)];
  const noise = Buffer.concat([randomBytes(40_000), Buffer.alloc(40_000, 'fuseboard ')]);
  await kafka.outcomes.append(many);
  await (await new Stranger().producer()).send({ topic, messages: [{ key: 'k', value: noise }] });
  await kafka.outcomes.append(few);
  await vi.waitFor(() => expect(ledger.recordsOf(0)).toHaveLength(903), 20_000);
  expect(ledger.ids).toEqual([...many, ...few].map(({ id }) => id));
  const dead = ledger.recordsOf(0)[900]!.entry;
  expect(dead.kind === 'dead' && Buffer.from(dead.value!).equals(noise)).toBe(true);
});

test.each(['gzip', 'snappy', 'lz4', 'zstd'])('batches that librdkafka (kcat) compressed by %s are read like others', async (codec) => {
  const { kafka, prefix } = openStage({ partitions: 1 });
  await kafka.prepare();
  const ledger = await ownAll(kafka);
  // Few alike, many alike, and more than one block of any codec.
  const sizes = [3, 2_000, 40];
  for (const [index, count] of sizes.entries()) {
    const input = someOutcomes(`k${index}`, 0, count).map((outcome) => `${outcome.upstream}\t${Buffer.from(encodeOutcome(outcome)).toString()}\n`).join('');
    const args = ['-b', services().kafkaBrokers, '-P', '-t', `${prefix}outcomes`, '-p', '0', '-K', '\t', '-z', codec, '-X', 'batch.size=900000', '-X', 'linger.ms=50'];
    expect(spawnSync('kcat', args, { input, encoding: 'utf8' })).toMatchObject({ status: 0 });
  }
  const ids = sizes.flatMap((count, index) => someOutcomes(`k${index}`, 0, count).map(({ id }) => id));
  await vi.waitFor(() => expect(ledger.ids).toHaveLength(ids.length), 20_000);
  expect(ledger.ids).toEqual(ids);
});

test('a batch that nobody can read is passed over, with a line that says which and why; what is behind it is taken', async () => {
  const errors: string[] = [];
  const { kafka, prefix } = openStage({ partitions: 1, onError: (error, doing) => errors.push(`${doing}: ${String(error)}`) });
  await kafka.prepare();
  const ledger = await ownAll(kafka);
  await kafka.outcomes.append(someOutcomes('before', 0, 3));
  // Far beyond what one batch may come to when unpacked, in a few records of 6 MB that gzip makes small.
  const producer = await new Stranger().producer();
  const bomb = Array.from({ length: 4 }, () => ({ key: 'k', value: Buffer.alloc(6_000_000) }));
  await producer.send({ topic: `${prefix}outcomes`, messages: bomb, compression: kafkajs.CompressionTypes.GZIP });
  await kafka.outcomes.append(someOutcomes('behind', 0, 3));
  await vi.waitFor(() => expect(ledger.ids).toHaveLength(6), 20_000);
  expect(ledger.ids).toEqual([...someOutcomes('before', 0, 3), ...someOutcomes('behind', 0, 3)].map(({ id }) => id));
  expect(ledger.next.get(0)).toBe(10);
  expect(errors).toEqual([expect.stringMatching(/partition 0: the records from 3 to 6 are passed over.*compressed by gzip/)]);
  expect((await readAll(kafka, 0)).map(({ offset }) => offset)).toEqual([0, 1, 2, 7, 8, 9]);
});

test('the marks of transactions are gaps: they are passed over, and the log is known to hold nothing more', async () => {
  const { kafka, prefix } = openStage({ partitions: 1 });
  await kafka.prepare();
  const ledger = await ownAll(kafka);
  const topic = `${prefix}outcomes`;
  const admin = await new Stranger().admin();
  // A mark stands behind what it marks a moment after `commit` has settled.
  const ends = ([only]: readonly { high: string }[]): number => Number(only?.high);
  const producer = await new Stranger().producer({ transactionalId: prefix, idempotent: true, maxInFlightRequests: 1 });
  const commit = async (id: string): Promise<void> => {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: valueOf(`${id}0`) }, { value: valueOf(`${id}1`) }] });
    await transaction.commit();
  };
  await commit('a');
  await vi.waitFor(async () => expect(ends(await admin.fetchTopicOffsets(topic))).toBe(3), 20_000);
  await kafka.outcomes.append(someOutcomes('x', 0, 1));
  await commit('b');
  await vi.waitFor(() => expect(ledger.recordsOf(0).map(({ offset }) => offset)).toEqual([0, 1, 3, 4, 5]), 20_000);
  await vi.waitFor(async () => expect(ends(await admin.fetchTopicOffsets(topic))).toBe(7), 20_000);
  // The last mark stands at 6: who waits for `next` must not wait for a record that will never come.
  await vi.waitFor(async () => expect((await kafka.reader.bounds(0)).next).toBe(6), 20_000);
  expect((await readAll(kafka, 0)).map(({ offset }) => offset)).toEqual([0, 1, 3, 4, 5]);
});

test('an unfinished transaction holds up nobody', async () => {
  const { kafka, prefix } = openStage({ partitions: 1 });
  await kafka.prepare();
  const ledger = await ownAll(kafka);
  const producer = await new Stranger().producer({ transactionalId: prefix, idempotent: true, maxInFlightRequests: 1 });
  const transaction = await producer.transaction();
  onTestFinished(() => transaction.abort());
  await transaction.send({ topic: `${prefix}outcomes`, messages: [{ value: valueOf('t') }] });
  await kafka.outcomes.append(someOutcomes('x', 0, 2));
  await vi.waitFor(() => expect(ledger.ids).toEqual(['t-0', 'x-0', 'x-1']), 20_000);
});

test('a dead letter larger than its topic takes is kept by its place, and holds up nothing', async () => {
  const errors: string[] = [];
  const { kafka, prefix } = openStage({ partitions: 1, onError: (_, doing) => errors.push(doing) });
  await kafka.prepare();
  const letters = [1, 3_000_000, 2].map((bytes, offset) => ({ partition: 0, offset, reason: 'r', key: null, value: Buffer.alloc(bytes, 'x') }));
  await kafka.deadLetters.append(letters);
  const found = await messagesIn(`${prefix}outcomes.dead`, 3);
  const byOffset = new Map(found.map(({ headers, value }) => [String(headers?.['fuseboard-offset']), value?.length]));
  expect(byOffset).toEqual(new Map([['0', 1], ['1', undefined], ['2', 2]]));
  expect(errors).toEqual([expect.stringContaining('dead letter of partition 0, offset 1')]);
});

test('a value of any bytes under any key is read as dead or as what it says, and never stops the reader', async () => {
  const { kafka, prefix } = openStage({ partitions: 1 });
  await kafka.prepare();
  const ledger = await ownAll(kafka);
  const values = [null, Buffer.alloc(0), randomBytes(100), Buffer.from('{"__proto__":{"v":1}}'), Buffer.from('['.repeat(50_000)), Buffer.from('nul\0l')];
  const messages = values.flatMap((value) => [null, Buffer.alloc(0), randomBytes(9)].map((key) => ({ key, value, headers: { toString: 'x', constructor: ['a', 'b'] } })));
  await (await new Stranger().producer()).send({ topic: `${prefix}outcomes`, messages });
  await vi.waitFor(() => expect(ledger.recordsOf(0)).toHaveLength(messages.length), 20_000);
  for (const [index, { entry }] of ledger.recordsOf(0).entries()) {
    const { key, value } = messages[index]!;
    expect(entry).toEqual({ ...decodeEntry(key, value), kind: 'dead' });
  }
});

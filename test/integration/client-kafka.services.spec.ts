/** What a program reports by the client library, as it stands in a real Kafka. */
import { expect, it, onTestFinished } from 'vitest';
import { Fuseboard, type FuseboardOptions } from '#client';
import type { LogRecord } from '#engine';
import { partitionOf } from '#wire';
import { Stranger, openStage } from '../support/kafka-stage.ts';
import { services } from '../support/services/services.ts';

const PARTITIONS = 3;
const UPSTREAMS = ['a.test', 'b.test', 'c.test:81', 'd.test'];
const CALLS = 2_000;

it.each<[string, (topic: string) => Promise<Partial<FuseboardOptions>>]>([
  ['its own client', async () => ({ kafka: { brokers: services().kafkaBrokers } })],
  ['a producer of the program’s own', async (topic) => {
    const producer = await new Stranger().producer();
    return { send: (messages) => producer.send({ topic, messages: [...messages] }) };
  }],
])('by %s every call is in its upstream’s partition, counted once, alike ones merged (L2, L4, K4)', async (_, how) => {
  const { kafka, prefix } = openStage({ partitions: PARTITIONS });
  await kafka.prepare();
  const dropped: unknown[] = [];
  const fuseboard = Fuseboard.open({ ...(await how(`${prefix}outcomes`)), topicPrefix: prefix, partitions: PARTITIONS, onDropped: (each) => void dropped.push(each) });
  onTestFinished(() => fuseboard.close());
  await fuseboard.ready();
  for (let n = 0; n < CALLS; n++) fuseboard.report({ upstream: (UPSTREAMS[n % UPSTREAMS.length] as string).toUpperCase(), ...(n % 100 < UPSTREAMS.length ? { status: 503 } : { ok: true }), durationMs: n });
  expect(await fuseboard.flush(30_000)).toBe(0);

  const found = new Map(UPSTREAMS.map((upstream) => [upstream, { calls: 0, errors: 0, slowestMs: 0 }]));
  const ids = new Set<string>();
  let records = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const { entry } of await all(kafka.reader, partition)) {
      if (entry.kind !== 'outcome') throw new Error(`found a ${entry.kind}`);
      const { upstream, count, result, durationMs = 0, id = '', reporter } = entry.outcome;
      expect(partitionOf(upstream, PARTITIONS)).toBe(partition);
      const of = found.get(upstream) as { calls: number; errors: number; slowestMs: number };
      of.calls += count;
      if (result.kind === 'status') of.errors += count;
      of.slowestMs = Math.max(of.slowestMs, durationMs);
      ids.add(`${reporter} ${id}`);
      records++;
    }
  }
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(UPSTREAMS.map((upstream, at) => [upstream, { calls: CALLS / UPSTREAMS.length, errors: CALLS / 100, slowestMs: CALLS - UPSTREAMS.length + at }])));
  expect([ids.size, dropped]).toEqual([records, []]);
  expect(records).toBeLessThan(CALLS / 2);
});

async function all(reader: ReturnType<typeof openStage>['kafka']['reader'], partition: number): Promise<LogRecord[]> {
  const { next } = await reader.bounds(partition);
  const records: LogRecord[] = [];
  for (let from = 0; from < next; ) {
    const read = await reader.read(partition, from, CALLS);
    if (read.length === 0) break;
    records.push(...read);
    from = (read.at(-1) as LogRecord).offset + 1;
  }
  return records;
}

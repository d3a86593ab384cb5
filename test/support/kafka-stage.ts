/** The Kafka half of the fleet's drivers on the run's own Kafka, with handlers that remember what they were given. */
import kafkajs, { type Admin, type Producer } from 'kafkajs';
import { onTestFinished } from 'vitest';
import type { LogRecord, Outcome, PartitionHandler } from '#engine';
import { parseAddress, type Address } from '#runtime';
import { openKafka, type Kafka, type KafkaOptions } from '../../libs/drivers/src/kafka/kafka.ts';
import { services, uniquePrefix } from './services/services.ts';

export interface StageOptions extends Partial<Pick<KafkaOptions, 'partitions' | 'reach' | 'onError' | 'security' | 'part' | 'isStandby'>> {
  /** Several drivers of one fleet share one; default: of its own. */
  readonly prefix?: string;
  /** `host:port,…`; default: the run's. */
  readonly brokers?: string;
}

/** Closed when the test ends. */
export function openStage(options: StageOptions = {}): { readonly kafka: Kafka; readonly prefix: string } {
  const { prefix = `${uniquePrefix()}.`, brokers = services().kafkaBrokers, partitions = 2, security, part, isStandby } = options;
  const { reach = { failed: () => {}, reached: () => {} }, onError = () => {} } = options;
  const addresses = brokers.split(',').map((broker) => parseAddress(broker) as Address);
  const kafka = openKafka({ brokers: addresses, ...(security && { security }), ...(part && { part }), ...(isStandby && { isStandby }), topicPrefix: prefix, partitions, instance: 'stage', reach, onError });
  onTestFinished(() => kafka.close());
  return { kafka, prefix };
}

/** Somebody else's clients, without anything of ours. Disconnected when the test ends. */
export class Stranger {
  readonly kafka: kafkajs.Kafka;

  constructor(brokers = services().kafkaBrokers, sasl?: kafkajs.SASLOptions) {
    this.kafka = new kafkajs.Kafka({ ...(sasl && { sasl }), brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 8, maxRetryTime: 500 } });
  }

  async admin(): Promise<Admin> {
    const admin = this.kafka.admin();
    await admin.connect();
    onTestFinished(() => admin.disconnect());
    return admin;
  }

  async producer(options: kafkajs.ProducerConfig = {}): Promise<Producer> {
    const producer = this.kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner, ...options });
    await producer.connect();
    onTestFinished(() => producer.disconnect());
    return producer;
  }
}

/** Folds nothing, remembers all; goes on where whoever had the partition before stopped, as a store would have it. */
export class Ledger {
  /** Next offset by partition. */
  readonly next = new Map<number, number>();
  /** What was taken, by partition, and when it was begun to be. */
  readonly taken = new Map<number, LogRecord[]>();

  recordsOf(partition: number): LogRecord[] {
    let records = this.taken.get(partition);
    if (records === undefined) this.taken.set(partition, (records = []));
    return records;
  }

  get ids(): string[] {
    return [...this.taken.values()].flat().flatMap(({ entry }) => (entry.kind === 'outcome' ? [entry.outcome.id ?? ''] : []));
  }
}

/** One owner. What it is told that does not fit its part is a fault. */
export class Owner implements PartitionHandler {
  readonly claims: number[] = [];
  readonly revocations: number[] = [];
  readonly faults: string[] = [];
  /** What a batch waits for, or fails with, before it counts as taken. */
  onTake: (partition: number, records: readonly LogRecord[]) => Promise<void> = async () => {};
  readonly #ledger: Ledger;
  readonly #busy = new Set<number>();
  readonly #owned = new Set<number>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  get owned(): number[] {
    return [...this.#owned].toSorted((a, b) => a - b);
  }

  async assigned(partition: number): Promise<number> {
    return await this.#alone(partition, async () => {
      this.claims.push(partition);
      this.#owned.add(partition);
      return this.#ledger.next.get(partition) ?? 0;
    });
  }

  async take(partition: number, records: readonly LogRecord[]): Promise<void> {
    await this.#alone(partition, async () => {
      if (!this.#owned.has(partition)) this.faults.push(`records of ${partition}, which is not ours`);
      await this.onTake(partition, records);
      const next = this.#ledger.next.get(partition) ?? 0;
      for (const record of records) if (record.offset >= next) this.#ledger.recordsOf(partition).push(record);
      this.#ledger.next.set(partition, Math.max(next, (records.at(-1) as LogRecord).offset + 1));
    });
  }

  async revoked(partition: number): Promise<void> {
    await this.#alone(partition, async () => {
      this.revocations.push(partition);
      this.#owned.delete(partition);
    });
  }

  async #alone<T>(partition: number, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(partition)) this.faults.push(`calls for ${partition} overlap`);
    this.#busy.add(partition);
    try {
      return await work();
    } finally {
      this.#busy.delete(partition);
    }
  }
}

/** As many upstreams as it takes; the ids are `PREFIX-N`. */
export function someOutcomes(prefix: string, from: number, to: number): Outcome[] {
  return Array.from({ length: to - from }, (_, index) => ({
    upstream: `u${(from + index) % 40}.test`,
    atMs: 1_790_000_000_000 + index,
    reporter: 'r',
    id: `${prefix}-${from + index}`,
    result: { kind: 'status', code: 200 },
    count: 1,
  }));
}

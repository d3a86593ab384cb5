/**
 * A producer that keeps book: what Kafka has acknowledged is in the books, by upstream, and nothing else. What was sent
 * and not acknowledged is sent again, the same record with the same id, until it is; so at the end books and windows
 * must be equal, whatever happened in between.
 */
import kafkajs, { type Producer } from 'kafkajs';
import { setTimeout as sleep } from 'node:timers/promises';
import { partitionOf } from '#wire';
import { PARTITIONS, SLOW_MS, STEADY } from './upstreams.ts';

/** Calls alike, as one record (L4). */
export interface Entry {
  readonly upstream: string;
  readonly status: number;
  readonly durationMs?: number;
  readonly count?: number;
  /** Default: now. */
  readonly atMs?: number;
  /** Default: one of its own. */
  readonly id?: string;
  /** Where it is sent; default: where its upstream belongs (L2). */
  readonly partition?: number;
  /** False: sent, and not to be counted. */
  readonly counts?: boolean;
}

export interface Counts {
  total: number;
  errors: number;
  slow: number;
}

/** Where a record came to stand. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

const EACH_MS = 50;
const AGAIN_AFTER_MS = 100;
const REQUEST_TIMEOUT_MS = 3_000;
/** Of the steady load: these of ten records are errors, and slow. */
const ERRORS = new Set([3]);
const SLOW = new Set([5, 7]);

export class Ledger {
  readonly #brokers: string;
  readonly #topic: string;
  readonly #books = new Map<string, Counts>();
  readonly #reporter = `ledger-${process.pid}-${Math.floor(Math.random() * 1e9)}`;
  readonly #stopping = new AbortController();
  #producer: Promise<Producer> | undefined;
  #sent = 0;
  #steady: Promise<void> | undefined;
  /** Records that had to be sent more than once. */
  resent = 0;

  constructor(brokers: string, topicPrefix: string) {
    this.#brokers = brokers;
    this.#topic = `${topicPrefix}outcomes`;
  }

  get books(): ReadonlyMap<string, Readonly<Counts>> {
    return this.#books;
  }

  /** Calls acknowledged. */
  get total(): number {
    return [...this.#books.values()].reduce((sum, { total }) => sum + total, 0);
  }

  /** Settles when it is acknowledged, however long that takes; gives where the first record of each partition stands. */
  async send(entries: readonly Entry[]): Promise<readonly Place[]> {
    const messages = entries.map((entry) => this.#message(entry));
    for (;;) {
      try {
        const producer = await (this.#producer ??= this.#connect());
        const told = await producer.send({ topic: this.#topic, acks: -1, timeout: REQUEST_TIMEOUT_MS, messages });
        for (const entry of entries) this.#enter(entry);
        return told.map(({ partition, baseOffset }) => ({ partition, offset: Number(baseOffset) }));
      } catch (error) {
        if (this.#stopping.signal.aborted) throw error;
        this.resent += messages.length;
        await this.#drop();
        await sleep(AGAIN_AFTER_MS);
      }
    }
  }

  /** What was sent to this partition so far is out of the books. */
  forget(partition: number): void {
    for (const upstream of this.#books.keys()) if (partitionOf(upstream, PARTITIONS) === partition) this.#books.delete(upstream);
  }

  /** Something that is no outcome, straight into a partition. */
  async sendRaw(partition: number, values: readonly (Buffer | null)[], key: Buffer | null = Buffer.from('raw')): Promise<void> {
    const producer = await (this.#producer ??= this.#connect());
    await producer.send({ topic: this.#topic, acks: -1, messages: values.map((value) => ({ partition, key, value })) });
  }

  /** Outcomes of the steady upstreams, each 50 ms, until `settle`. */
  begin(): void {
    this.#steady ??= this.#run(new AbortController());
  }

  /** No more; settles when what was begun is acknowledged. */
  settle: () => Promise<void> = async () => {};

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#steady?.catch(() => undefined);
    await this.#drop();
  }

  async #run(pausing: AbortController): Promise<void> {
    this.settle = async () => {
      pausing.abort();
      await this.#steady;
      this.#steady = undefined;
    };
    for (let turn = 0; !pausing.signal.aborted && !this.#stopping.signal.aborted; turn++) {
      await this.send(STEADY.flatMap((upstream, index) => this.#steadyEntries(upstream, turn + index)));
      await sleep(EACH_MS, undefined, { signal: pausing.signal }).catch(() => undefined);
    }
  }

  #steadyEntries(upstream: string, turn: number): Entry[] {
    const kind = turn % 10;
    return [{ upstream, status: ERRORS.has(kind) ? 503 : 200, durationMs: SLOW.has(kind) ? SLOW_MS + 1 : 3, count: 1 + (turn % 3) }];
  }

  #enter({ upstream, status, durationMs = 0, count = 1, counts = true }: Entry): void {
    if (!counts) return;
    let book = this.#books.get(upstream);
    if (book === undefined) this.#books.set(upstream, (book = { total: 0, errors: 0, slow: 0 }));
    book.total += count;
    if (status > 499) book.errors += count;
    if (durationMs >= SLOW_MS) book.slow += count;
  }

  #message({ upstream, status, durationMs, count = 1, atMs = Date.now(), id = `${this.#sent++}`, partition = partitionOf(upstream, PARTITIONS) }: Entry) {
    const outcome = { v: 1, id, upstream, at: Math.round(atMs), status, ...(durationMs === undefined ? {} : { durationMs }), reporter: this.#reporter, count };
    return { key: upstream, value: JSON.stringify(outcome), partition };
  }

  async #connect(): Promise<Producer> {
    // Each try takes the next of the brokers.
    const retry = { retries: this.#brokers.split(',').length, initialRetryTime: 50, maxRetryTime: 200 };
    const kafka = new kafkajs.Kafka({
      brokers: this.#brokers.split(','), clientId: 'ledger', logLevel: kafkajs.logLevel.NOTHING, connectionTimeout: 1_000, requestTimeout: REQUEST_TIMEOUT_MS + 1_000, retry,
    });
    const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner, retry, metadataMaxAge: 5_000 });
    await producer.connect();
    return producer;
  }

  async #drop(): Promise<void> {
    const producer = await this.#producer?.catch(() => undefined);
    this.#producer = undefined;
    // A connection to a broker that is silent never ends by itself.
    if (producer !== undefined) void producer.disconnect().catch(() => undefined);
  }
}

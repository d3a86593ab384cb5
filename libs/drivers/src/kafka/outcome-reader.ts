/**
 * Delivers the outcomes topic's partitions to whoever folds them. Three parts, each simple because it knows nothing of
 * the others: the group says which partitions are ours (membership.ts), one loop fetches them (fetch-loop.ts), and each
 * partition is handed over at its handler's pace (delivery.ts).
 */
import type { LogBounds, LogRecord, OutcomeReader, PartitionHandler, Stop } from '#engine';
import { StartError } from '#runtime/reach';
import type { OnError } from '../drivers.ts';
import type { ClientOptions } from './client.ts';
import type { Connectivity } from './connectivity.ts';
import { Delivery } from './delivery.ts';
import { FetchLoop } from './fetch-loop.ts';
import { isOutOfRange, isUnreadable, Link, messagesOf, ONE_BATCH, type Fetched } from './link.ts';
import { LogBoundsReader } from './log-bounds.ts';
import { Membership } from './membership.ts';
import { RecordQueue } from './record-queue.ts';
import { RecordReader } from './record.ts';
import { partitionsProblem } from './topics.ts';
import { endOfUnreadable, fetchBatch } from './unreadable.ts';
import { pause, within } from './within.ts';

/** How long a group that is being formed anew, or that has not been heard of, holds records back: then its news are late. */
const UNCERTAIN_MAX_MS = 3_000;
const LOOK_AGAIN_MS = 20;
const COMMIT_EACH_MS = 1_000;
/** How often it is asked whether the topic still has as many partitions, ms. */
const COUNT_EACH_MS = 2_000;
/** Stopping: for the batches at hand, then for the group to know how far they went. */
const TAKE_BEFORE_STOP_MAX_MS = 10_000;
const LAST_COMMIT_MAX_MS = 500;

export interface OutcomeReaderOptions {
  readonly topic: string;
  readonly partitions: number;
  readonly group: string;
  readonly client: ClientOptions;
  readonly connectivity: Connectivity;
  readonly reads: Link;
  readonly bounds: LogBoundsReader;
  readonly ready: () => Promise<void>;
  /** As `ready`, but for as long as it takes; rejects only for good. */
  readonly prepared: () => Promise<void>;
  readonly onError: OnError;
  /** The newest rules that this process can fold by. */
  readonly engine: number;
  /** The topic has become one that this process must not read. */
  readonly onLasting: (error: Error) => void;
}

export class KafkaOutcomeReader implements OutcomeReader {
  readonly #options: OutcomeReaderOptions;
  readonly #records: RecordReader;
  #run: Run | undefined;

  constructor(options: OutcomeReaderOptions) {
    this.#options = options;
    this.#records = new RecordReader(options.partitions);
  }

  /** One handler at a time. `stop` waits for the batches at hand; not to be awaited in one. */
  async run(handler: PartitionHandler): Promise<Stop> {
    if (this.#run !== undefined) throw new Error('assertion: this driver has a reader already');
    const run = new Run(this.#options, handler, this.#records);
    this.#run = run;
    return async () => {
      await run.stop();
      if (this.#run === run) this.#run = undefined;
    };
  }

  async bounds(partition: number): Promise<LogBounds> {
    await this.#options.ready();
    const bounds = await this.#options.bounds.of(partition);
    const delivery = this.#run?.delivery(partition);
    // A transaction's marker is the last thing there: no record is to come before the next one appended.
    return delivery?.taken !== undefined && delivery.hasTakenAllUpTo(bounds.next) ? { ...bounds, next: delivery.taken } : bounds;
  }

  async read(partition: number, from: number, max: number): Promise<readonly LogRecord[]> {
    await this.#options.ready();
    const records: LogRecord[] = [];
    let position = from;
    while (records.length < max) {
      const fetched = await this.#fetch(partition, position);
      if (fetched === undefined) break;
      for (const record of this.#recordsOf(fetched, max - records.length)) records.push(record);
      position = fetched.next;
      if (position >= fetched.end) break;
    }
    return records;
  }

  #recordsOf({ partition, batches, from }: Fetched, max: number): LogRecord[] {
    const queue = new RecordQueue();
    queue.push(batches, from);
    return queue.take(max, (batch, n) => this.#records.read(partition, batch, n));
  }

  async close(): Promise<void> {
    await this.#run?.stop();
  }

  /** Undefined: there is nothing from there on. */
  async #fetch(partition: number, position: number): Promise<Fetched | undefined> {
    try {
      return (await this.#options.reads.fetch(new Map([[partition, position]]), { waitMs: 0 }))[0];
    } catch (error) {
      if (isUnreadable(error)) return await fetchBatch(this.#options.reads, partition, position);
      if (!isOutOfRange(error)) throw error;
      const { first } = await this.#options.bounds.of(partition);
      return position < first ? await this.#fetch(partition, first) : undefined;
    }
  }
}

/** From `run` to its stop. */
class Run {
  readonly #options: OutcomeReaderOptions;
  readonly #handler: PartitionHandler;
  readonly #records: RecordReader;
  readonly #deliveries = new Map<number, Delivery>();
  /** Given up, and still at their last batch. */
  readonly #leaving = new Map<number, Promise<void>>();
  readonly #loop: FetchLoop;
  readonly #committed = new Map<number, number>();
  readonly #stopping = new AbortController();
  #membership: Membership | undefined;
  /** Undefined: we are sure of what is ours. */
  #uncertainSinceMs: number | undefined;
  #committing: NodeJS.Timeout | undefined;
  #counting: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: OutcomeReaderOptions, handler: PartitionHandler, records: RecordReader) {
    this.#options = options;
    this.#handler = handler;
    this.#records = records;
    const { topic, client, connectivity, prepared } = options;
    this.#loop = new FetchLoop(new Link('delivery', topic, { client, connectivity }), {
      positions: () => this.#positions(),
      isHeldBack: () => [...this.#deliveries.values()].some(({ isFull }) => isFull),
      fetched: (fetched) => this.#deliveries.get(fetched.partition)?.push(fetched),
      failed: (partition, position, error) => void this.#deliveries.get(partition)?.failed(position, error),
    });
    // Who prepares is told why it can't be.
    prepared().then(() => this.#join(), () => {});
  }

  delivery(partition: number): Delivery | undefined {
    return this.#deliveries.get(partition);
  }

  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#committing);
    clearInterval(this.#counting);
    const given = Promise.all([...[...this.#deliveries.values()].map((each) => each.stop()), ...this.#leaving.values()]);
    await within(TAKE_BEFORE_STOP_MAX_MS, 'giving partitions up', given).catch((error: unknown) => this.#options.onError(error, 'stopping the reader'));
    await within(LAST_COMMIT_MAX_MS, 'committing offsets', this.#commit()).catch(() => undefined);
    await Promise.all([this.#loop.stop(), this.#membership?.leave()]);
    this.#deliveries.clear();
  }

  #join(): void {
    if (this.#stopping.signal.aborted) return;
    const { client, connectivity, group, reads, topic, partitions, engine, onError } = this.#options;
    const owned = (): number[] => [...this.#deliveries.keys()];
    this.#membership = new Membership({ client, connectivity, group, reads, topic, partitions, owned, engine, onAssigned: (now) => this.#assign(now), onError });
    this.#counting = setInterval(() => void this.#count(), COUNT_EACH_MS);
    this.#committing = setInterval(() => void this.#commit().catch(() => undefined), COMMIT_EACH_MS);
  }

  /** L2: by another number of partitions upstreams belong elsewhere, and nobody may go on as if they didn't. */
  async #count(): Promise<void> {
    const { reads, topic, partitions, onLasting } = this.#options;
    // Out of reach, or just being made again: the link has told of it.
    const found = await reads.partitions().catch(() => partitions);
    if (found === partitions || found === 0 || this.#stopping.signal.aborted) return;
    clearInterval(this.#counting);
    await this.stop();
    onLasting(new StartError(partitionsProblem({ topic, found, wanted: partitions })));
  }

  /** What was ours stays in the same hands. */
  #assign(partitions: readonly number[]): void {
    if (this.#stopping.signal.aborted) return;
    const now = new Set(partitions);
    for (const [partition, delivery] of this.#deliveries) {
      if (now.has(partition)) continue;
      this.#deliveries.delete(partition);
      this.#committed.delete(partition);
      const left = delivery.stop().finally(() => this.#leaving.delete(partition));
      this.#leaving.set(partition, left);
    }
    for (const partition of now) if (!this.#deliveries.has(partition)) this.#deliveries.set(partition, this.#deliver(partition));
  }

  #deliver(partition: number): Delivery {
    const { bounds, reads, onError } = this.#options;
    const identity = async (): Promise<string | undefined> => {
      bounds.forget(partition);
      return (await bounds.of(partition)).identity;
    };
    return new Delivery({
      partition,
      handler: this.#handler,
      read: (batch, n) => this.#records.read(partition, batch, n),
      before: this.#leaving.get(partition),
      mayTake: (signal) => this.#certainty(signal),
      look: { identity, appendMsAt: (offset) => appendMsAt(reads, partition, offset), monotonicMs: () => performance.now() },
      endOfUnreadable: (from) => endOfUnreadable(reads, partition, from),
      onWanting: () => this.#loop.wake(),
      onError,
    });
  }

  /** While the group changes, who gets a partition may claim it any moment; but it must not take for ever. */
  async #certainty(signal: AbortSignal): Promise<void> {
    while (this.#membership?.isCertain !== true) {
      this.#uncertainSinceMs ??= performance.now();
      if (signal.aborted || performance.now() - this.#uncertainSinceMs > UNCERTAIN_MAX_MS) return;
      await pause(LOOK_AGAIN_MS, signal);
    }
    this.#uncertainSinceMs = undefined;
  }

  #positions(): Map<number, number> {
    const positions = new Map<number, number>();
    for (const [partition, { position }] of this.#deliveries) if (position !== undefined) positions.set(partition, position);
    return positions;
  }

  async #commit(): Promise<void> {
    const fresh = new Map<number, number>();
    for (const [partition, { taken }] of this.#deliveries) if (taken !== undefined && taken !== this.#committed.get(partition)) fresh.set(partition, taken);
    if (fresh.size === 0) return;
    await this.#membership?.commit(fresh);
    for (const [partition, taken] of fresh) this.#committed.set(partition, taken);
  }
}

/** Undefined: there is no record at that offset. */
async function appendMsAt(reads: Link, partition: number, offset: number): Promise<number | undefined> {
  try {
    const [fetched] = await reads.fetch(new Map([[partition, offset]]), { waitMs: 0, partitionBytesMax: ONE_BATCH });
    const found = fetched && messagesOf(fetched).find((message) => Number(message.offset) === offset);
    return found && Number(found.timestamp);
  } catch (error) {
    if (isOutOfRange(error)) return undefined;
    throw error;
  }
}

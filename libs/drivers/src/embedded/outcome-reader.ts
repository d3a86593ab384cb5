/**
 * Delivers the log to the one who folds it: no polling, woken by appends, which can only come from this process. The
 * handler decides where to begin; from there on each record is delivered once, in order, and a batch that was refused
 * comes again as it was, for as long as it is refused.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { Defect, type LogBounds, type LogRecord, type OutcomeReader, type PartitionHandler, type Stop } from '#engine';
import type { OnError } from '../drivers.ts';
import type { OutcomeTable } from './outcome-table.ts';
import { assertPartition, PARTITION } from './partition.ts';

/** Records in one batch. */
const BATCH_MAX = 1_000;
/** Wait after a handler's refusal; doubled each time, ms. */
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 5_000;

export class EmbeddedReader implements OutcomeReader {
  readonly #log: OutcomeTable;
  readonly #onError: OnError;
  #delivery: Delivery | undefined;

  constructor(log: OutcomeTable, onError: OnError) {
    this.#log = log;
    this.#onError = onError;
  }

  /** One handler at a time: a partition has one owner. `stop` waits for the batch at hand; not to be awaited in it. */
  async run(handler: PartitionHandler): Promise<Stop> {
    if (this.#delivery !== undefined) throw new Error('assertion: the embedded log has a reader already, and one partition');
    const delivery = new Delivery(this.#log, handler, this.#onError);
    this.#delivery = delivery;
    return async () => {
      await delivery.stop();
      if (this.#delivery === delivery) this.#delivery = undefined;
    };
  }

  async bounds(partition: number): Promise<LogBounds> {
    assertPartition(partition);
    return this.#log.bounds();
  }

  async read(partition: number, from: number, max: number): Promise<readonly LogRecord[]> {
    assertPartition(partition);
    return this.#log.read(from, max);
  }

  /** Ends the delivery, if one runs. */
  async close(): Promise<void> {
    await this.#delivery?.stop();
  }
}

/** What `persist` gives when it was stopped before it succeeded. */
const STOPPED = Symbol('stopped');

class Delivery {
  readonly #log: OutcomeTable;
  readonly #handler: PartitionHandler;
  readonly #onError: OnError;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  /** Settles what `news` gave last. */
  #wake: () => void = () => {};

  constructor(log: OutcomeTable, handler: PartitionHandler, onError: OnError) {
    this.#log = log;
    this.#handler = handler;
    this.#onError = onError;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const from = await this.#persist('taking over the partition', () => this.#handler.assigned(PARTITION));
    if (from === STOPPED) return;
    const unsubscribe = this.#log.onAppend(() => this.#wake());
    await this.#deliver(from);
    unsubscribe();
    try {
      await this.#handler.revoked(PARTITION);
    } catch (error) {
      this.#onError(error, 'giving the partition up');
    }
  }

  async #deliver(from: number): Promise<void> {
    let next = from;
    while (!this.#stopping.signal.aborted) {
      const news = this.#news();
      // Lets what else is to be appended in this turn of the loop come into the same batch.
      await setImmediate();
      const records = await this.#persist('reading the log', async () => this.#log.read(next, BATCH_MAX));
      if (records === STOPPED) return;
      const last = records.at(-1);
      if (last === undefined) {
        await news;
        continue;
      }
      if ((await this.#persist('folding records', () => this.#handler.take(PARTITION, records))) === STOPPED) return;
      next = last.offset + 1;
    }
  }

  /** Settles when the log is appended to after this call, or on stop; called before reading, so that none is missed. */
  #news(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  /** Tries again until it succeeds or is stopped, since what fails here, defects apart, is a store or log out of reach. */
  async #persist<T>(doing: string, action: () => Promise<T>): Promise<T | typeof STOPPED> {
    const { signal } = this.#stopping;
    for (let waitMs = RETRY_FIRST_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        return await action();
      } catch (error) {
        if (error instanceof Defect) throw error;
        this.#onError(error, doing);
      }
      await setTimeout(waitMs, undefined, { signal }).catch(() => undefined);
    }
    return STOPPED;
  }
}

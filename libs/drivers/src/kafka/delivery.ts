/**
 * One partition in our hands: claimed by the handler, then its records handed over in order, each once, from the offset
 * that the handler gave. What is fetched waits in a bounded queue, so a slow handler holds up its own partition alone.
 */
import { Defect, type LogRecord, type PartitionHandler } from '#engine';
import type { OnError } from '../drivers.ts';
import { isOutOfRange, isUnreadable, type Fetched } from './link.ts';
import { LogWatch, type LogLook, type Sighting } from './log-watch.ts';
import type { RecordBatch } from './record-batch.ts';
import { RecordQueue } from './record-queue.ts';
import { pause } from './within.ts';

/** Records in one batch. */
const BATCH_MAX = 4_000;
/** With as many waiting, or as many bytes, nothing is fetched; one fetch more may be there. */
const QUEUED_MAX = 5_000;
const QUEUED_BYTES_MAX = 4 * 1024 * 1024;
/** Wait after a handler's refusal; doubled each time, ms. */
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 5_000;
/** What can't be read, for whatever reason, is tried again after this, ms. */
const REST_MS = 1_000;
/** A claim that ended with a log other than claimed is followed by another after this, ms. */
const CLAIM_AGAIN_MS = 200;

export interface DeliveryOptions {
  readonly partition: number;
  readonly handler: PartitionHandler;
  readonly read: (batch: RecordBatch, n: number) => LogRecord;
  /** The one who had it before us, in this process, still at its last batch. */
  readonly before: Promise<void> | undefined;
  /** Settles when a batch may be handed over; at once where nothing speaks against it. */
  readonly mayTake: (signal: AbortSignal) => Promise<void>;
  readonly look: LogLook;
  /** The first offset above this one that isn't in the batches there which can't be read. */
  readonly endOfUnreadable: (from: number) => Promise<number>;
  /** There is room, or somewhere to begin. */
  readonly onWanting: () => void;
  readonly onError: OnError;
}

/** What `persist` gives when it was ended before it succeeded. */
const ENDED = Symbol('ended');

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #watch: LogWatch;
  readonly #ended: Promise<void>;
  #stopping = new AbortController();
  /** Ends the present claim; what follows is another one, or nothing when stopping. */
  #claim = new AbortController();
  readonly #queue = new RecordQueue();
  /** To be fetched next; undefined: the handler has not said. */
  #position: number | undefined;
  /** To be handed over next. */
  #next: number | undefined;
  #isTaking = false;
  #isResting = false;
  #news: () => void = () => {};

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#watch = new LogWatch(options.look);
    this.#ended = this.#run();
  }

  /** What to fetch next; undefined: nothing now. */
  get position(): number | undefined {
    return this.#isResting || this.isFull ? undefined : this.#position;
  }

  get isFull(): boolean {
    return this.#queue.records >= QUEUED_MAX || this.#queue.bytes >= QUEUED_BYTES_MAX;
  }

  /** Everything below this was taken; undefined: nothing is known of it. */
  get taken(): number | undefined {
    return this.#next;
  }

  /** All there is up to `end` was handed over and taken; what may be between is no record (a transaction's marker). */
  hasTakenAllUpTo(end: number): boolean {
    return this.#position !== undefined && this.#position >= end && this.#queue.records === 0 && !this.#isTaking;
  }

  push({ batches, from, next }: Fetched): void {
    const position = this.#position;
    // Asked for by a claim that has ended meanwhile, which may have been further, and of another log.
    const isOfEnded = position === undefined || from > position;
    this.#watch.answered(isOfEnded ? undefined : lastOf(batches, from));
    // Or here already.
    if (isOfEnded || next <= position) return;
    this.#position = next;
    this.#queue.push(batches, position);
    this.#news();
  }

  /**
   * Nothing can be read from `position`, where it was asked for. Where it stands elsewhere by now, as behind a batch that
   * was passed over meanwhile, that says nothing.
   */
  async failed(position: number, error: unknown): Promise<void> {
    if (position !== this.position) return;
    if (isOutOfRange(error)) return this.#claimAgain();
    this.#isResting = true;
    await this.#getOver(position, error);
    this.#isResting = false;
    this.#options.onWanting();
  }

  /** Waits for the batch at hand. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#claim.abort();
    this.#news();
    await this.#ended;
  }

  /** The log has nothing at our position: it was cut, or is another one. The handler is to claim it again. */
  #claimAgain(): void {
    this.#position = undefined;
    this.#claim.abort();
    this.#news();
  }

  /** Settles when it may be asked for again. */
  async #getOver(position: number, error: unknown): Promise<void> {
    const { partition, endOfUnreadable, onError } = this.#options;
    try {
      if (!isUnreadable(error)) throw error;
      const end = await endOfUnreadable(position);
      // Unless the handler has claimed it again meanwhile, to go on elsewhere.
      if (this.#position !== position) return;
      this.#position = end;
      onError(error, `reading partition ${partition}: the records from ${position} to ${end - 1} are passed over: it`);
    } catch (failure) {
      onError(failure, failure === error ? `reading partition ${partition} from offset ${position}` : `passing over what can't be read in partition ${partition}`);
      await pause(REST_MS, this.#stopping.signal);
    }
  }

  async #run(): Promise<void> {
    const { partition, handler, before, onError } = this.#options;
    const { signal } = this.#stopping;
    await before;
    while (!signal.aborted) {
      this.#claim = new AbortController();
      const from = await this.#persist(`taking partition ${partition} over`, async () => {
        await this.#watch.begin();
        return await handler.assigned(partition);
      });
      if (from !== ENDED) await this.#deliver(from);
      try {
        await handler.revoked(partition);
      } catch (error) {
        onError(error, `giving partition ${partition} up`);
      }
      if (!signal.aborted) await pause(CLAIM_AGAIN_MS, signal);
    }
  }

  async #deliver(from: number): Promise<void> {
    const { partition, handler, mayTake, onWanting } = this.#options;
    const { signal } = this.#claim;
    this.#queue.clear();
    this.#position = from;
    this.#next = from;
    onWanting();
    while (!signal.aborted) {
      if (this.#queue.records === 0) await new Promise<void>((resolve) => (this.#news = resolve));
      await mayTake(signal);
      if (signal.aborted || (this.#watch.isDoubted && !(await this.#isSameLog()))) break;
      const records = this.#takeQueued();
      const last = records.at(-1);
      if (last === undefined) continue;
      this.#isTaking = true;
      const answer = await this.#persist(`folding records of partition ${partition}`, () => handler.take(partition, records));
      this.#isTaking = false;
      if (answer === ENDED) break;
      this.#next = last.offset + 1;
    }
    this.#position = undefined;
  }

  /** False: the handler is to claim it again. */
  async #isSameLog(): Promise<boolean> {
    return (await this.#persist(`looking which log partition ${this.#options.partition} is`, () => this.#watch.isSame())) === true;
  }

  #takeQueued(): LogRecord[] {
    const wasFull = this.isFull;
    const records = this.#queue.take(BATCH_MAX, this.#options.read);
    if (wasFull && !this.isFull) this.#options.onWanting();
    return records;
  }

  /** Tries again until it succeeds or is ended, since what fails here, defects apart, is a store or log out of reach. */
  async #persist<T>(doing: string, action: () => Promise<T>): Promise<T | typeof ENDED> {
    const { signal } = this.#claim;
    for (let waitMs = RETRY_FIRST_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        return await action();
      } catch (error) {
        if (error instanceof Defect) throw error;
        this.#options.onError(error, doing);
      }
      await pause(waitMs, signal);
    }
    return ENDED;
  }
}

/** The last record of those from `from` on. */
function lastOf(batches: readonly RecordBatch[], from: number): Sighting | undefined {
  const batch = batches.findLast(({ count }) => count > 0);
  const last = batch && { offset: batch.offset(batch.count - 1), appendMs: batch.appendMs(batch.count - 1) };
  return last !== undefined && last.offset >= from ? last : undefined;
}

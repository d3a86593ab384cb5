/**
 * Follows a small topic, all of its partitions: what is there, then what comes. `catchUp` doesn't wait for what comes
 * by itself: it reads up to the end as it is now, so that whoever appended before sees it.
 */
import type { OnError } from '../drivers.ts';
import { FetchLoop } from './fetch-loop.ts';
import { isOutOfRange, type Bounds, type Fetched, type Link } from './link.ts';
import type { RecordBatch } from './record-batch.ts';
import { pause } from './within.ts';

/** Of one fetch while there is much to be read: fewer of them, and what came is taken in without holding the process for long. */
const CATCH_UP_BYTES = 2 * 1024 * 1024;
/** How long a partition that can't be read rests, ms. */
const REST_MS = 1_000;

export interface FollowerOptions {
  readonly partitions: number;
  /** For reading on demand. */
  readonly reads: Link;
  /** For waiting on what comes; the follower closes it. */
  readonly tail: Link;
  /** Where to begin. */
  readonly from: (bounds: Bounds) => number;
  /** In offset order for each partition, each once: the record at place `n` of the batch. */
  readonly onRecord: (partition: number, batch: RecordBatch, n: number) => void;
  /** The log has no such offset any more: cut, or another log. Gives where to go on. */
  readonly onLost: (partition: number, bounds: Bounds) => number;
  readonly onError: OnError;
  /** For `onError`. */
  readonly doing: string;
}

export class Follower {
  readonly #options: FollowerOptions;
  readonly #positions = new Map<number, number>();
  readonly #resting = new Set<number>();
  readonly #closing = new AbortController();
  #loop: FetchLoop | undefined;
  #started: Promise<void> | undefined;
  #catching: Promise<void> | undefined;
  /** The catch-up behind that one, which has not begun. */
  #following: Promise<void> | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Everything that was appended before this call has been told of when it settles. */
  async catchUp(): Promise<void> {
    await this.#start();
    this.#following ??= this.#catchUpBehind(this.#catching);
    await this.#following;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#options.tail.close();
    await this.#loop?.stop();
  }

  async #start(): Promise<void> {
    this.#started ??= this.#begin().catch((error: unknown) => {
      this.#started = undefined;
      throw error;
    });
    await this.#started;
  }

  async #begin(): Promise<void> {
    const { reads, partitions, from } = this.#options;
    const bounds = await reads.bounds(partitions);
    for (const [partition, each] of bounds.entries()) this.#positions.set(partition, from(each));
    await this.#readOn();
    if (this.#closing.signal.aborted) return;
    this.#loop = new FetchLoop(this.#options.tail, {
      positions: () => this.#awake(),
      isHeldBack: () => false,
      fetched: (fetched) => this.#absorb(fetched),
      failed: (partition, _, error) => void this.#recover(partition, error),
    });
  }

  async #catchUpBehind(before: Promise<void> | undefined): Promise<void> {
    // Whoever waits for that one is told of its failure.
    await before?.catch(() => undefined);
    this.#following = undefined;
    this.#catching = this.#readOn();
    await this.#catching;
  }

  async #readOn(): Promise<void> {
    let behind: ReadonlyMap<number, number> = new Map(this.#positions);
    let fetching = this.#fetch(behind);
    while (behind.size > 0) {
      const fetched = await fetching;
      behind = this.#stillBehind(behind, fetched);
      // On its way while what came is taken in.
      if (behind.size > 0) fetching = this.#fetch(behind);
      // Where taking in throws, nobody waits for it any more.
      fetching.catch(() => undefined);
      for (const each of fetched) this.#absorb(each);
    }
  }

  /** Those partitions that have more, and where to go on in each. */
  #stillBehind(asked: ReadonlyMap<number, number>, fetched: readonly Fetched[]): Map<number, number> {
    const found = new Map(fetched.map((each) => [each.partition, each]));
    const behind = new Map<number, number>();
    for (const partition of asked.keys()) {
      const { next, end } = found.get(partition) ?? { next: 0, end: Infinity };
      const position = Math.max(next, this.#positions.get(partition) as number);
      if (position < end) behind.set(partition, position);
    }
    return behind;
  }

  async #fetch(positions: ReadonlyMap<number, number>): Promise<readonly Fetched[]> {
    try {
      return await this.#options.reads.fetch(positions, { waitMs: 0, partitionBytesMax: CATCH_UP_BYTES });
    } catch (error) {
      if (!isOutOfRange(error)) throw error;
      await this.#findAgain([...positions.keys()]);
      return [];
    }
  }

  async #findAgain(partitions: readonly number[]): Promise<void> {
    const bounds = await this.#options.reads.bounds(this.#options.partitions);
    for (const partition of partitions) {
      const each = bounds[partition] as Bounds;
      const position = this.#positions.get(partition) as number;
      if (position < each.first || position > each.next) this.#positions.set(partition, this.#options.onLost(partition, each));
    }
  }

  /** Both the loop and a catch-up bring records; the position tells which are new. */
  #absorb(fetched: Fetched): void {
    const { partition, batches, from, next } = fetched;
    const position = this.#positions.get(partition) as number;
    // Asked for before the position was found again, further on in another log.
    if (from > position || next <= position) return;
    this.#positions.set(partition, next);
    for (const batch of batches) for (let n = batch.indexFrom(position); n < batch.count; n++) this.#options.onRecord(partition, batch, n);
  }

  async #recover(partition: number, error: unknown): Promise<void> {
    this.#resting.add(partition);
    try {
      if (!isOutOfRange(error)) throw error;
      await this.#findAgain([partition]);
    } catch (failure) {
      this.#options.onError(failure, this.#options.doing);
      await pause(REST_MS, this.#closing.signal);
    }
    this.#resting.delete(partition);
    this.#loop?.wake();
  }

  #awake(): ReadonlyMap<number, number> {
    return this.#resting.size === 0 ? this.#positions : new Map([...this.#positions].filter(([partition]) => !this.#resting.has(partition)));
  }
}

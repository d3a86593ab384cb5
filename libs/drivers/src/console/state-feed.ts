/**
 * States from a console for whoever follows them in this process: all first, then what is newer (V3). What is known stays
 * when the console is lost, and the next one, be it behind the one before, takes nothing back (V1).
 */
import { StateBoard, type BoardPartition, type Snapshot, type StateFeed, type StateUpdate, type Stop, type StoreTime } from '#engine';
import { metaOfMessage, snapshotOfMessage, type PartitionStateMessage } from '#wire';
import type { OnError } from '../drivers.ts';
import { Followers } from '../followers.ts';
import { isSameMeta } from '../redis/partition-meta.ts';

export interface ConsoleStateFeedOptions {
  readonly partitions: number;
  /** Begins to follow a console, if that has not been done. */
  readonly wake: () => void;
  readonly onError: OnError;
}

export class ConsoleStateFeed implements StateFeed {
  readonly #board: StateBoard;
  readonly #wake: () => void;
  readonly #followers: Followers<StateUpdate>;
  /** Partitions that the present console has told whole. */
  readonly #whole = new Set<number>();
  /** By partition, when the store said what the present console told last. */
  readonly #heard = new Map<number, number>();
  /** What has come of those that it has not. */
  readonly #arriving = new Map<number, Snapshot[]>();

  constructor({ partitions, wake, onError }: ConsoleStateFeedOptions) {
    this.#board = new StateBoard(partitions, () => performance.now());
    this.#wake = wake;
    this.#followers = new Followers(partitions, onError, 'telling of states');
  }

  /**
   * Stays pending until a console has told every partition.
   * @throws Error the drivers were closed before
   */
  async follow(listener: (update: StateUpdate) => void): Promise<Stop> {
    const following = this.#followers.add(listener);
    for (const partition of this.#whole) this.#tellAwaiting(this.#board.partition(partition) as BoardPartition);
    this.#wake();
    return await following;
  }

  close(): void {
    this.#followers.close();
  }

  /** There is no console, or another one: it will tell all. */
  forget(): void {
    this.#whole.clear();
    this.#heard.clear();
    this.#arriving.clear();
  }

  /** How old the oldest partition is by the console's word, ms; Infinity: one was not told whole. */
  get oldestMs(): number {
    return this.#whole.size === this.#board.size ? this.#board.oldestMs : Infinity;
  }

  /** @param storeTime where it is news */
  take(message: PartitionStateMessage, storeTime: StoreTime | undefined): void {
    const { partition } = message;
    let snapshots = (message.breakers ?? []).map(snapshotOfMessage);
    if (!this.#whole.has(partition)) {
      const arrived = this.#arriving.get(partition) ?? [];
      arrived.push(...snapshots);
      if (message.more) return void this.#arriving.set(partition, arrived);
      this.#arriving.delete(partition);
      this.#whole.add(partition);
      snapshots = arrived;
    }
    const meta = message.meta ? metaOfMessage(message.meta) : undefined;
    const news = this.#board.apply({ partition, snapshots, heardMonotonicMs: this.#heardMs(message), ...(meta === undefined ? {} : { meta }) });
    const update = this.#updateOf(news.partition, news.changes.map(({ snapshot }) => snapshot), storeTime);
    if (news.changes.length > 0 || !isSameMeta(news.metaBefore, news.partition.meta)) this.#followers.tellNews(update, partition);
    else this.#followers.tellWhole(update, partition);
    this.#tellAwaiting(news.partition, storeTime);
  }

  /** A console's later word is never the older one, however long each of them was on its way. */
  #heardMs({ partition, age_ms: ageMs }: PartitionStateMessage): number {
    const heardMs = Math.max(performance.now() - ageMs, this.#heard.get(partition) ?? -Infinity);
    this.#heard.set(partition, heardMs);
    return heardMs;
  }

  #tellAwaiting(held: BoardPartition, storeTime?: StoreTime): void {
    const { partition, snapshots } = held;
    if (this.#followers.isAwaited(partition)) this.#followers.tellAwaiting(this.#updateOf(held, [...snapshots.values()], storeTime), partition);
  }

  #updateOf(held: BoardPartition, snapshots: readonly Snapshot[], storeTime: StoreTime | undefined): StateUpdate {
    const { partition, meta, heardMs } = held;
    return { partition, heardMonotonicMs: heardMs, snapshots, ...(meta === undefined ? {} : { meta }), ...(storeTime === undefined ? {} : { storeTime }) };
  }
}

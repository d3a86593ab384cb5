/**
 * States for whoever follows them in this process (V3). Commits tell their changes; each round compares every
 * partition's (incarnation, next, sequence) with what is known, and what differs is read whole. What lies between two
 * known commits is never guessed: a change that doesn't follow the one before makes the partition unknown until the
 * next round, which begins at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isNewer, type FollowOptions, type PartitionMeta, type Snapshot, type StateFeed, type StateUpdate, type Stop, type StoreTime } from '#engine';
import type { OnError } from '../drivers.ts';
import { isNextAfter, readChange, type Change } from './change.ts';
import type { Connection } from './connection.ts';
import { RedisFailure } from './failure.ts';
import type { Source } from './feed-hub.ts';
import { Followers } from '../followers.ts';
import { partitionKeys, type PartitionKeys } from './keys.ts';
import { isSameMeta, metaOf } from './partition-meta.ts';
import { letGo } from './let-go.ts';
import { QuietReader } from './quiet-columns.ts';
import { decodeSnapshots } from './snapshots.ts';
import type { StoreOptions } from './state-store.ts';

/** How long a change that the round has seen may still be on its way to us before the partition is read, ms. */
const ON_ITS_WAY_MS = 50;
/** Changes that wait while their partition is being read. A dropped one is noticed by the one after it. */
const WAITING_MAX = 32;

/** Of snapshots. */
type Wanted = 'none' | 'quiet-apart' | 'whole';

/** One partition as it was told. */
interface View {
  readonly partition: number;
  readonly keys: PartitionKeys;
  /** Undefined: not read yet, or not to be trusted any more. */
  known: { readonly meta: PartitionMeta | undefined } | undefined;
  /** While it is being read. */
  waiting: Change[] | undefined;
  /** By upstream: what was read with `known`, and is newer than its meta. Changes on the way there bring older ones. */
  ahead: Map<string, Snapshot>;
}

export class RedisStateFeed implements StateFeed, Source {
  readonly channels: readonly string[];
  readonly #partitions: number;
  readonly #onError: OnError;
  readonly #wake: () => void;
  readonly #views: readonly View[];
  readonly #byChannel: ReadonlyMap<string, View>;
  readonly #followers: Followers<StateUpdate>;
  readonly #quiet = new QuietReader();
  /** By those who asked for most of them, since they did. */
  #wanted: Wanted = 'none';

  /** @param wake lets the next round begin now */
  constructor({ prefix, partitions }: StoreOptions, wake: () => void, onError: OnError) {
    this.#partitions = partitions;
    this.#onError = onError;
    this.#wake = wake;
    this.#views = Array.from({ length: partitions }, (_, partition) => ({ partition, keys: partitionKeys(prefix, partition), known: undefined, waiting: undefined, ahead: new Map() }));
    this.#byChannel = new Map(this.#views.map((view) => [view.keys.changes, view]));
    this.channels = [...this.#byChannel.keys()];
    this.#followers = new Followers(partitions, onError, 'telling of states');
  }

  /**
   * Stays pending for as long as Redis is out of reach, and goes on by itself.
   * @throws Error the drivers were closed before
   */
  async follow(listener: (update: StateUpdate) => void, { withoutSnapshots = false, quietApart = false }: FollowOptions = {}): Promise<Stop> {
    if (!withoutSnapshots) this.#wanted = quietApart && this.#wanted !== 'whole' ? 'quiet-apart' : 'whole';
    const following = this.#followers.add(listener);
    this.#wake();
    return await following;
  }

  close(): void {
    this.#followers.close();
  }

  forget(): void {
    for (const view of this.#views) view.known = undefined;
  }

  heard(channel: string, message: Buffer): void {
    const view = this.#byChannel.get(channel);
    if (view === undefined) return;
    try {
      this.#take(view, readChange(message));
    } catch (error) {
      this.#onError(error, `reading what was told on ${channel}`);
      this.#doubt(view);
    }
  }

  async round(reader: Connection): Promise<void> {
    if (this.#followers.isEmpty) return;
    const knownBefore = this.#views.map(({ known }) => known);
    const { metas, storeTime } = await this.#readMetas(reader);
    const isCurrent = (view: View): boolean => {
      const found = metas[view.partition];
      if (found === undefined || view.known === undefined) return false;
      // It moved on while we asked: what was found is on the way that it came.
      const hasMoved = view.known !== knownBefore[view.partition] && isOnTheWay(found.meta, view.known.meta);
      return hasMoved || isSameMeta(found.meta, view.known.meta);
    };
    const behind = this.#views.filter((view) => !isCurrent(view));
    for (const view of this.#views) if (!behind.includes(view)) this.#tellFresh(view, storeTime);
    if (behind.some(({ known }) => known !== undefined)) await sleep(ON_ITS_WAY_MS);
    for (const view of this.#views) {
      if (metas[view.partition] === undefined) continue;
      if (this.#followers.isAwaited(view.partition) || !isCurrent(view)) await this.#read(view, reader, storeTime);
      else if (behind.includes(view)) this.#tellFresh(view, storeTime);
    }
    this.#quiet.forget();
  }

  /** By partition; undefined: can't be read. */
  async #readMetas(reader: Connection): Promise<{ metas: ({ meta: PartitionMeta | undefined } | undefined)[]; storeTime: StoreTime }> {
    const askedMonotonicMs = performance.now();
    const [[seconds, micros], ...fields] = await reader.ask((redis) => Promise.all([redis.time(), ...this.#views.map(({ keys }) => redis.hgetall(keys.meta))]));
    const toldMonotonicMs = performance.now();
    const metas = this.#views.map((view, index) => {
      try {
        return { meta: this.#metaOf(view, fields[index] as Record<string, string>) };
      } catch (error) {
        this.#onError(error, `reading the state of partition ${view.partition}`);
        return undefined;
      }
    });
    return { metas, storeTime: { atMs: Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000), askedMonotonicMs, toldMonotonicMs } };
  }

  #metaOf({ keys }: View, fields: Record<string, string>): PartitionMeta | undefined {
    return metaOf(fields, { key: keys.meta, partitions: this.#partitions });
  }

  /**
   * First meta, then snapshots: these may be newer than it says, never older. One after the other, since a Cluster that
   * moves a slot sends two commands two ways.
   */
  async #read(view: View, reader: Connection, storeTime: StoreTime): Promise<void> {
    view.waiting = [];
    const wanted = this.#wanted;
    try {
      const fields = await reader.ask((redis) => redis.hgetall(view.keys.meta));
      const meta = this.#metaOf(view, fields);
      const read = await this.#readSnapshots(view, meta, reader);
      // Who wants more of them came while we read.
      if (wanted !== this.#wanted) return this.#doubt(view);
      view.ahead = new Map(read.snapshots.filter((each) => meta !== undefined && isNewer(each, meta)).map((each) => [each.upstream, each]));
      const isNew = view.known === undefined || !isSameMeta(view.known.meta, meta) || view.ahead.size > 0;
      view.known = { meta };
      const update = { ...updateOf(view.partition, meta, []), ...read, storeTime };
      if (isNew) this.#followers.tell(update, view.partition);
      else this.#followers.tellAwaiting(update, view.partition);
    } catch (error) {
      view.known = undefined;
      if (error instanceof RedisFailure) throw error;
      this.#onError(error, `reading the state of partition ${view.partition}`);
    } finally {
      const { waiting } = view;
      view.waiting = undefined;
      for (const change of waiting) this.#take(view, change);
    }
  }

  /** Of a store that is being restored there are no columns: its states are held back one by one (V4). */
  async #readSnapshots({ keys }: View, meta: PartitionMeta | undefined, reader: Connection): Promise<Pick<StateUpdate, 'snapshots' | 'quiet'>> {
    if (meta === undefined || this.#wanted === 'none') return { snapshots: [] };
    const values = await reader.ask((redis) => redis.hvalsBuffer(keys.snapshots));
    const isApart = this.#wanted === 'quiet-apart' && meta.restoringTo === undefined;
    const read = isApart ? await this.#quiet.read(values, meta) : { snapshots: await decodeSnapshots(values) };
    letGo(values);
    return read;
  }

  #tellFresh({ partition, known }: View, storeTime: StoreTime): void {
    this.#followers.tellWhole({ ...updateOf(partition, known?.meta, []), storeTime }, partition);
  }

  #take(view: View, change: Change): void {
    const { known, waiting } = view;
    if (waiting !== undefined) {
      if (waiting.push(change) > WAITING_MAX) waiting.shift();
      return;
    }
    // It is going to be read anyway, or was told when it was read.
    if (known === undefined || isSameMeta(known.meta, change.meta)) return;
    const { meta } = known;
    const snapshots = meta !== undefined && isNextAfter(change, meta) ? this.#snapshotsOf(change, view) : undefined;
    if (snapshots !== undefined) {
      view.known = { meta: change.meta };
      return this.#followers.tellNews(updateOf(view.partition, change.meta, snapshots), view.partition);
    }
    // Late, or of a store that fell back: the next round sees which.
    if (change.after !== undefined && isOnTheWay(change.meta, meta)) return;
    this.#doubt(view);
  }

  /** Undefined: they can't be had from here. */
  #snapshotsOf(change: Change, { keys, ahead }: View): readonly Snapshot[] | undefined {
    if (this.#wanted === 'none') return [];
    try {
      return change.snapshots()?.filter((each) => !isNewer(ahead.get(each.upstream) ?? each, each));
    } catch (error) {
      this.#onError(error, `reading what was told on ${keys.changes}`);
      return undefined;
    }
  }

  #doubt(view: View): void {
    view.known = undefined;
    this.#wake();
  }
}

/** Would one who is at `to` have passed `found`? */
function isOnTheWay(found: PartitionMeta | undefined, to: PartitionMeta | undefined): boolean {
  if (found === undefined || to === undefined) return false;
  return found.incarnation === to.incarnation && found.next <= to.next && found.sequence <= to.sequence;
}

function updateOf(partition: number, meta: PartitionMeta | undefined, snapshots: readonly Snapshot[]): StateUpdate {
  return { partition, ...(meta === undefined ? {} : { meta }), snapshots };
}

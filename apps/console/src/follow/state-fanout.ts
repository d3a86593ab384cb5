/**
 * Hands states and documents on to all who follow: what changed within one turn as one message, encoded once for those who
 * keep up; and each second how far each partition is and how old that word of the store is (V4), to a few followers at a
 * time, so that a thousand of them are no burst.
 */
import type { BoardNews, DocumentSet, StateUpdate, StoreTime } from '#engine';
import { tellsAlike } from '../breaker-view.ts';
import { FollowBoard, type FleetIdentity } from './follow-board.ts';
import { Follower, type FollowOutlet } from './follower.ts';

/** To each follower. */
const BEAT_EACH_MS = 1_000;
/** Groups of followers, one after another. */
const GROUPS = 20;
/** Upstreams in one message for all; what is more goes to each at its own pace. */
const SHARED_MAX = 500;

/** Between these two the store's clock lies now, ms since 1970. */
export interface StoreNow {
  readonly earliestMs: number;
  readonly latestMs: number;
}

export interface Following {
  /** The outlet has room again. */
  readonly onRoom: () => void;
  readonly end: () => void;
}

export class StateFanout {
  readonly #board: FollowBoard;
  readonly #monotonicMs: () => number;
  readonly #groups: readonly Set<Follower>[] = Array.from({ length: GROUPS }, () => new Set());
  readonly #timer: NodeJS.Timeout;
  /** Upstreams that changed since followers were last told, by partition. */
  #changed = new Map<number, Set<string>>();
  #flush: NodeJS.Immediate | undefined;
  #beats = 0;
  #joined = 0;
  #store: StoreTime | undefined;

  /** @param monotonicMs that of the store's time, `performance.now` */
  constructor(fleet: FleetIdentity, monotonicMs: () => number) {
    this.#board = new FollowBoard(fleet, monotonicMs);
    this.#monotonicMs = monotonicMs;
    this.#timer = setInterval(() => this.#beat(), BEAT_EACH_MS / GROUPS).unref();
  }

  get size(): number {
    return this.#groups.reduce((sum, { size }) => sum + size, 0);
  }

  /** Followers that are owed more than they could take. */
  get behind(): number {
    return this.#followers.filter(({ isCaughtUp }) => !isCaughtUp).length;
  }

  applyStates(update: StateUpdate): void {
    this.#store = update.storeTime ?? this.#store;
    const news = this.#board.states.apply(update);
    const loud = news.changes.filter(({ before, snapshot }) => before === undefined || !tellsAlike(before, snapshot));
    if (loud.length === 0 && !news.isFirst && !isMetaNews(news)) return;
    const { partition } = news.partition;
    const names = this.#changed.get(partition) ?? new Set();
    for (const { snapshot } of loud) names.add(snapshot.upstream);
    this.#changed.set(partition, names);
    this.#flush ??= setImmediate(() => this.#tellChanges());
  }

  applyDocuments(documents: DocumentSet): void {
    const keys = this.#board.applyDocuments(documents);
    if (keys === undefined) return;
    for (const follower of this.#followers) {
      follower.oweDocuments(keys);
      follower.tell();
    }
  }

  /** Undefined: it was not asked yet, or has no clock of its own (T2). */
  get storeNow(): StoreNow | undefined {
    if (this.#store === undefined) return undefined;
    const { atMs, askedMonotonicMs, toldMonotonicMs } = this.#store;
    const nowMs = this.#monotonicMs();
    return { earliestMs: atMs + nowMs - toldMonotonicMs, latestMs: atMs + nowMs - askedMonotonicMs };
  }

  /** Begins at once. */
  follow(outlet: FollowOutlet): Following {
    const follower = new Follower(this.#board, outlet);
    const group = this.#groups[this.#joined++ % GROUPS] as Set<Follower>;
    group.add(follower);
    follower.tell();
    return { onRoom: () => follower.tell(), end: () => void group.delete(follower) };
  }

  close(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#flush);
    for (const group of this.#groups) group.clear();
  }

  get #followers(): Follower[] {
    return this.#groups.flatMap((group) => [...group]);
  }

  #tellChanges(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    const changed = this.#changed;
    this.#changed = new Map();
    let message: Uint8Array | undefined;
    const shared = (): Uint8Array => (message ??= this.#board.changesMessage(changed));
    const isShared = [...changed.values()].reduce((sum, { size }) => sum + size, 0) <= SHARED_MAX;
    for (const follower of this.#followers) {
      if (isShared && follower.hasBegun(changed.keys()) && follower.tellShared(shared)) continue;
      for (const [number, names] of changed) follower.oweStates(this.#board.held(number), names);
      follower.tell();
    }
  }

  /** What changed is told first: how far a partition is never runs ahead of its states. */
  #beat(): void {
    if (this.#flush !== undefined) this.#tellChanges();
    const group = this.#groups[this.#beats++ % GROUPS] as Set<Follower>;
    if (group.size === 0) return;
    const message = this.#board.beatMessage();
    for (const follower of group) follower.tellShared(() => message);
  }

}

/** V4, V1: it became known or unknown, or another log's. */
function isMetaNews({ metaBefore, partition: { meta } }: BoardNews): boolean {
  return metaBefore?.incarnation !== meta?.incarnation || metaBefore?.restoringTo !== meta?.restoringTo;
}

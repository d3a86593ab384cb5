/**
 * The newest that is known of every upstream, by partition, for whoever hands states on to others: a console to the
 * proxies that follow it, and what follows a console to its listeners. It never goes back: neither to an older snapshot
 * (V1), nor to an older word of the store about a partition (V4).
 */
import type { PartitionMeta, StateUpdate } from './ports.ts';
import { isNewer, type Snapshot } from './snapshot.ts';

/** A partition that was heard of. */
export interface BoardPartition {
  readonly partition: number;
  /** Absent: the store knows nothing of it. */
  readonly meta: PartitionMeta | undefined;
  /** When the store said so, by the monotonic clock, ms. */
  readonly heardMs: number;
  /** By upstream. */
  readonly snapshots: ReadonlyMap<string, Snapshot>;
}

/** What an update brought that was not here. */
export interface BoardNews {
  readonly partition: BoardPartition;
  /** Of the partition, at all. */
  readonly isFirst: boolean;
  readonly metaBefore: PartitionMeta | undefined;
  readonly changes: readonly BoardChange[];
}

export interface BoardChange {
  readonly snapshot: Snapshot;
  readonly before: Snapshot | undefined;
}

interface Held extends BoardPartition {
  meta: PartitionMeta | undefined;
  heardMs: number;
  readonly snapshots: Map<string, Snapshot>;
}

export class StateBoard {
  readonly #monotonicMs: () => number;
  readonly #held: (Held | undefined)[];

  /** @param monotonicMs never set back, ms */
  constructor(partitions: number, monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.#held = Array.from({ length: partitions }, () => undefined);
  }

  /** Partitions, heard of or not. */
  get size(): number {
    return this.#held.length;
  }

  apply({ partition: number, meta, snapshots, heardMonotonicMs: heardMs = this.#monotonicMs() }: StateUpdate): BoardNews {
    if (number >= this.#held.length) throw new Error(`assertion: partition ${number} of ${this.#held.length}`);
    const before = this.#held[number];
    const held = before ?? { partition: number, meta, heardMs, snapshots: new Map<string, Snapshot>() };
    const metaBefore = held.meta;
    this.#held[number] = held;
    if (heardMs >= held.heardMs) {
      held.meta = meta;
      held.heardMs = heardMs;
    }
    return { partition: held, isFirst: before === undefined, metaBefore, changes: snapshots.flatMap((snapshot) => take(held.snapshots, snapshot)) };
  }

  /** Undefined: it was never heard of. */
  partition(number: number): BoardPartition | undefined {
    return this.#held[number];
  }

  /** Those that were heard of. */
  get heard(): readonly BoardPartition[] {
    return this.#held.filter((held) => held !== undefined);
  }

  ageMs({ heardMs }: BoardPartition): number {
    return Math.max(0, this.#monotonicMs() - heardMs);
  }

  /** Of the partition that was heard of the longest ago; Infinity: one never was. */
  get oldestMs(): number {
    return Math.max(...this.#held.map((held) => (held === undefined ? Infinity : this.ageMs(held))));
  }
}

function take(snapshots: Map<string, Snapshot>, snapshot: Snapshot): BoardChange[] {
  const before = snapshots.get(snapshot.upstream);
  if (before !== undefined && !isNewer(snapshot, before)) return [];
  snapshots.set(snapshot.upstream, snapshot);
  return [{ snapshot, before }];
}

/**
 * One that follows: what it is owed, by name alone, until it can take it. So whoever is slow holds no more than one name
 * for each upstream and document, and is told the newest.
 */
import type { BoardPartition } from '#engine';
import type { FollowBoard } from './follow-board.ts';

/** Where a follower is told. */
export interface FollowOutlet {
  write(message: Uint8Array): void;
  /** It can take no more now, and will say so when it can: by `Follower.tell`. */
  isFull(): boolean;
}

interface OwedStates {
  /** In the order of their first change since they were told. */
  readonly names: Set<string>;
  /** So many of the first names are left of the whole that a partition begins with. */
  ofWhole: number;
}

/** Of the names and bodies in one message, bytes; the last one may go beyond it. */
const MESSAGE_FILL_BYTES = 32_768;

export class Follower {
  readonly #board: FollowBoard;
  readonly #outlet: FollowOutlet;
  readonly #begun = new Set<number>();
  readonly #states = new Map<number, OwedStates>();
  /** Undefined: nothing is owed. */
  #documents: Set<string> | undefined;

  constructor(board: FollowBoard, outlet: FollowOutlet) {
    this.#board = board;
    this.#outlet = outlet;
    outlet.write(board.fleetMessage());
    if (board.documents !== undefined) this.oweDocuments(board.documents.byKey.keys());
    for (const partition of board.states.heard) this.oweStates(partition, []);
  }

  get isCaughtUp(): boolean {
    return this.#states.size === 0 && this.#documents === undefined;
  }

  /** Was it told, or is it owed, something of each of these partitions? */
  hasBegun(partitions: Iterable<number>): boolean {
    for (const partition of partitions) if (!this.#begun.has(partition)) return false;
    return true;
  }

  /** `shared` brings exactly what has changed, for all who are owed nothing else. @returns false: it can't be used for this one */
  tellShared(shared: () => Uint8Array): boolean {
    if (!this.isCaughtUp || this.#outlet.isFull()) return false;
    this.#outlet.write(shared());
    return true;
  }

  /** A partition that it was told nothing of yet is owed whole. */
  oweStates(partition: BoardPartition, upstreams: Iterable<string>): void {
    const { partition: number, snapshots } = partition;
    const owed = this.#states.get(number) ?? { names: new Set<string>(), ofWhole: 0 };
    this.#states.set(number, owed);
    if (!this.#begun.has(number)) {
      this.#begun.add(number);
      for (const upstream of snapshots.keys()) owed.names.add(upstream);
      owed.ofWhole = owed.names.size;
    }
    for (const upstream of upstreams) owed.names.add(upstream);
  }

  oweDocuments(keys: Iterable<string>): void {
    this.#documents ??= new Set();
    for (const key of keys) this.#documents.add(key);
  }

  /** As much of what is owed as it takes. */
  tell(): void {
    while (!this.#outlet.isFull()) {
      if (this.#documents !== undefined) this.#tellDocuments(this.#documents);
      else if (this.#states.size > 0) this.#tellStates();
      else return;
    }
  }

  #tellStates(): void {
    const [number, owed] = this.#states.entries().next().value as [number, OwedStates];
    const told = takeUpTo(owed.names, (upstream) => this.#board.breaker(number, upstream));
    owed.ofWhole = Math.max(0, owed.ofWhole - told.count);
    if (owed.names.size === 0) this.#states.delete(number);
    this.#outlet.write(this.#board.statesMessage(number, told.parts, owed.ofWhole > 0));
  }

  #tellDocuments(owed: Set<string>): void {
    const gone: string[] = [];
    const told = takeUpTo(owed, (key) => this.#board.document(key) ?? void gone.push(key));
    if (owed.size === 0) this.#documents = undefined;
    this.#outlet.write(this.#board.documentsMessage({ changed: told.parts, gone, more: owed.size > 0 }));
  }
}

function takeUpTo(owed: Set<string>, encode: (name: string) => Uint8Array | undefined): { parts: Uint8Array[]; count: number } {
  const parts: Uint8Array[] = [];
  let [bytes, count] = [0, 0];
  for (const name of owed) {
    if (bytes >= MESSAGE_FILL_BYTES) break;
    owed.delete(name);
    count++;
    const part = encode(name);
    if (part !== undefined) parts.push(part);
    bytes += name.length + (part?.length ?? 0);
  }
  return { parts, count };
}

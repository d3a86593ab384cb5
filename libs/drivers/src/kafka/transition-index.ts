/** The newest transitions of all partitions, in the order in which they were written, each once (G1). */
import type { Transition, TransitionPage, TransitionQuery } from '#engine';

const LIMIT_MAX = 1_000;

/** When its writer wrote it, by the writer's clock, the how-manieth of that writer, and where it stands. */
export type Place = readonly [writtenMs: number, sequence: number, partition: number, offset: number];

interface Indexed {
  readonly place: Place;
  readonly identity: string;
  readonly transition: Transition;
}

export class TransitionIndex {
  readonly #entriesMax: number;
  /** Oldest first. */
  readonly #entries: Indexed[] = [];
  readonly #identities = new Set<string>();

  /** @param entriesMax how many are kept; up to a tenth more before the oldest are let go */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  /** False: it is there already. */
  add(place: Place, transition: Transition): boolean {
    const identity = `${transition.incarnation} ${transition.generation} ${transition.upstream}`;
    if (this.#identities.has(identity)) return false;
    this.#identities.add(identity);
    this.#entries.splice(this.#firstFrom(place), 0, { place, identity, transition });
    if (this.#entries.length > this.#entriesMax * 1.1) this.#letOldestGo();
    return true;
  }

  /** @throws {RangeError} limit outside 1 to 1,000, or a page token that no page gave. */
  list({ upstream, limit, pageToken }: TransitionQuery): TransitionPage {
    let at = pageToken === undefined ? this.#entries.length : this.#firstFrom(placeOf(pageToken));
    const page: Indexed[] = [];
    let hasMore = false;
    while (at > 0 && !hasMore) {
      const entry = this.#entries[--at] as Indexed;
      if (upstream !== undefined && entry.transition.upstream !== upstream) continue;
      if (page.length === limit) hasMore = true;
      else page.push(entry);
    }
    const last = page.at(-1);
    return { transitions: page.map(({ transition }) => transition), ...(hasMore && last !== undefined ? { nextPageToken: last.place.join('.') } : {}) };
  }

  /** Index of the first entry that is not before `place`. */
  #firstFrom(place: Place): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare((this.#entries[middle] as Indexed).place, place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #letOldestGo(): void {
    const gone = this.#entries.splice(0, this.#entries.length - this.#entriesMax);
    for (const { identity } of gone) this.#identities.delete(identity);
  }
}

/** Before anything is asked of Kafka. @throws {RangeError} as `list` */
export function checkQuery({ limit, pageToken }: TransitionQuery): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw new RangeError(`limit is ${limit}; allowed: a whole number from 1 to ${LIMIT_MAX}`);
  }
  if (pageToken !== undefined) placeOf(pageToken);
}

function placeOf(pageToken: string): Place {
  if (!/^\d{1,15}(?:\.\d{1,15}){3}$/.test(pageToken)) {
    throw new RangeError(`page token ${JSON.stringify(pageToken.slice(0, 64))} is none that a page gave`);
  }
  const [writtenMs = 0, sequence = 0, partition = 0, offset = 0] = pageToken.split('.').map(Number);
  return [writtenMs, sequence, partition, offset];
}

function compare(a: Place, b: Place): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}

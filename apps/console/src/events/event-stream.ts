/**
 * One reader of `/api/v1/events`. It is owed names, at most one for each upstream, and gets what they are now as fast as
 * it takes it: a slow one gets the newest, and misses what lay between. An event's id says "all up to here was told", so
 * only an event after which nothing is owed has one.
 */

/** What a stream is told of, as JSON. */
export interface Telling {
  /** Everything about it; undefined: it is not there. */
  readonly breaker: (upstream: string) => object | undefined;
  /** `[upstream, total, errors, slow, started_at]`; undefined: it is not there. */
  readonly counts: (upstream: string) => readonly unknown[] | undefined;
  /** The id of all that there is now. */
  readonly idNow: () => string;
  /** The id of all that streams are owed by now: what was counted since the last pulse is not among it. */
  readonly idOwed: () => string;
}

/** Where a stream is written. */
export interface EventOutlet {
  readonly write: (text: string) => void;
  /** It can take no more now; `EventStream.tell` is called when it can. */
  readonly isFull: () => boolean;
}

const BREAKERS_AT_ONCE = 200;
const COUNTS_AT_ONCE = 1_000;

export class EventStream {
  readonly #telling: Telling;
  readonly #outlet: EventOutlet;
  /** The first are told first. */
  readonly #breakers: Set<string>;
  readonly #counts = new Set<string>();
  /** The id when it began, until all that was there then is told. */
  #begun: string | undefined;

  constructor(telling: Telling, outlet: EventOutlet, first: Iterable<string>) {
    this.#telling = telling;
    this.#outlet = outlet;
    this.#breakers = new Set(first);
    this.#begun = telling.idNow();
  }

  /** Something of it changed but counts. */
  changed(upstream: string): void {
    this.#breakers.add(upstream);
    this.#counts.delete(upstream);
  }

  counted(upstream: string): void {
    if (!this.#breakers.has(upstream)) this.#counts.add(upstream);
  }

  /** Something that is no breaker's. Left out where it can't be taken now: a newer one follows. */
  say(event: string, data: object): void {
    if (!this.#outlet.isFull()) this.#send(event, data);
  }

  /** As much of what is owed as can be taken. */
  tell(): void {
    while (this.#breakers.size > 0 && !this.#outlet.isFull()) {
      const breakers = take(this.#breakers, BREAKERS_AT_ONCE).flatMap((upstream) => this.#telling.breaker(upstream) ?? []);
      this.#send('breakers', breakers, this.#idIfAll());
    }
    if (this.#begun !== undefined && this.#breakers.size === 0 && !this.#outlet.isFull()) {
      const id = this.#begun;
      this.#begun = undefined;
      this.#send('loaded', {}, id);
    }
    while (this.#breakers.size === 0 && this.#counts.size > 0 && !this.#outlet.isFull()) {
      const counts = take(this.#counts, COUNTS_AT_ONCE).flatMap((upstream) => [this.#telling.counts(upstream) ?? []].filter((each) => each.length > 0));
      this.#send('counts', counts, this.#idIfAll());
    }
  }

  #idIfAll(): string | undefined {
    return this.#begun === undefined && this.#breakers.size === 0 && this.#counts.size === 0 ? this.#telling.idOwed() : undefined;
  }

  #send(event: string, data: object, id?: string): void {
    this.#outlet.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}

/** The first of them, which it has no more afterwards. */
function take(names: Set<string>, max: number): string[] {
  const taken: string[] = [];
  for (const name of names) {
    taken.push(name);
    names.delete(name);
    if (taken.length === max) break;
  }
  return taken;
}

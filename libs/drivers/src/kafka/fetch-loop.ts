/**
 * Fetches a topic's partitions for as long as they are wanted, one request at a time of each broker, so that none waits
 * for another's. The broker holds a request until there is something: what is appended comes at once.
 */
import { Defect } from '#engine';
import { isOutOfReach } from './connectivity.ts';
import { GivenUp, isOutOfRange, ONE_BATCH, type Fetched, type Link } from './link.ts';
import { pause } from './within.ts';

/** How long a broker holds a request; a partition wanted meanwhile waits for that, ms. */
const LONG_POLL_MS = 250;
/** The same while some partition can't be wanted, being full. */
const SHORT_POLL_MS = 10;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;

export interface FetchSink {
  /** Where each partition that may be fetched now is to go on. */
  positions(): ReadonlyMap<number, number>;
  /** Is there a partition that isn't in `positions` for a short while only? */
  isHeldBack(): boolean;
  fetched(fetched: Fetched): void;
  /** One partition can't be read from `position`, where it stood when that was asked; the others can. To be out of `positions` until it may be tried again. */
  failed(partition: number, position: number, error: unknown): void;
}

export class FetchLoop {
  readonly #link: Link;
  readonly #sink: FetchSink;
  readonly #stopping = new AbortController();
  readonly #polling = new Map<string, Promise<void>>();
  /** By broker, one after the other. */
  readonly #failures = new Map<string, number>();
  readonly #ended: Promise<void>;
  #wake: () => void = () => {};
  #woken: Promise<void> = Promise.resolve();

  constructor(link: Link, sink: FetchSink) {
    this.#link = link;
    this.#sink = sink;
    this.#rest();
    this.#ended = this.#run();
  }

  /** There is a partition to be fetched that wasn't before. */
  wake(): void {
    this.#wake();
    this.#rest();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    this.#link.close();
    await this.#ended;
  }

  #rest(): void {
    this.#woken = new Promise((resolve) => (this.#wake = resolve));
  }

  /** Keeps one poll going of each broker that leads something wanted. */
  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let retryMs = RETRY_FIRST_MS;
    while (!signal.aborted) {
      const woken = this.#woken;
      try {
        const wanted = [...this.#sink.positions().keys()];
        if (wanted.length === 0) this.#link.rest();
        const leaders = wanted.length === 0 ? [] : (await this.#link.leaders(wanted)).keys();
        for (const leader of leaders) this.#polling.set(leader, this.#polling.get(leader) ?? this.#poll(leader));
        retryMs = RETRY_FIRST_MS;
        await Promise.race([woken, ...this.#polling.values()]);
      } catch (error) {
        if (error instanceof Defect) throw error;
        // The link has told of it.
        await pause(retryMs, signal);
        retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
      }
    }
    await Promise.all(this.#polling.values());
  }

  /** Until nothing that is wanted is led by this broker, or it fails. */
  async #poll(leader: string): Promise<void> {
    const { signal } = this.#stopping;
    try {
      while (!signal.aborted) {
        const positions = await this.#ledBy(leader);
        if (positions.size === 0) return;
        await this.#fetch(positions);
        this.#failures.delete(leader);
      }
    } catch (error) {
      if (error instanceof Defect) throw error;
      // Another broker's trouble must not slow this one down.
      if (error instanceof GivenUp) return;
      const failures = this.#failures.get(leader) ?? 0;
      this.#failures.set(leader, failures + 1);
      await pause(Math.min(RETRY_FIRST_MS * 2 ** failures, RETRY_MAX_MS), signal);
    } finally {
      this.#polling.delete(leader);
    }
  }

  async #ledBy(leader: string): Promise<ReadonlyMap<number, number>> {
    const positions = this.#sink.positions();
    if (positions.size === 0) return positions;
    const leaders = await this.#link.leaders([...positions.keys()]);
    if ([...leaders.keys()].some((each) => !this.#polling.has(each))) this.wake();
    const led = leaders.get(leader) ?? [];
    return led.length === positions.size ? positions : new Map(led.map((partition) => [partition, positions.get(partition) as number]));
  }

  async #fetch(positions: ReadonlyMap<number, number>): Promise<void> {
    const waitMs = this.#sink.isHeldBack() ? SHORT_POLL_MS : LONG_POLL_MS;
    try {
      this.#give(await this.#link.fetch(positions, { waitMs }));
    } catch (error) {
      if (isPassing(error)) throw error;
      // One of them is the reason, and must not hold up the others, nor what stands before it in its own.
      for (const [partition, position] of positions) await this.#fetchAlone(partition, position);
    }
  }

  async #fetchAlone(partition: number, position: number): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    try {
      this.#give(await this.#link.fetch(new Map([[partition, position]]), { waitMs: 0, partitionBytesMax: ONE_BATCH }));
    } catch (error) {
      if (isPassing(error)) throw error;
      this.#sink.failed(partition, position, error);
    }
  }

  #give(fetched: readonly Fetched[]): void {
    if (this.#stopping.signal.aborted) return;
    for (const each of fetched) Defect.guard('taking fetched records in', () => this.#sink.fetched(each));
  }
}

/** It says nothing about a partition: nobody was reached, or the wrong broker. */
function isPassing(error: unknown): boolean {
  return error instanceof GivenUp || (isOutOfReach(error) && !isOutOfRange(error));
}

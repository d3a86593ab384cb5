/**
 * What the feeds of a process share (V3): a connection that listens, one that reads, and the rhythm. Each round every
 * source compares what it knows with the store; a lost connection makes it read everything again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { OnError } from '../drivers.ts';
import type { ClientOptions } from './client.ts';
import { Connection } from './connection.ts';
import { RedisFailure } from './failure.ts';
import type { Reachability } from './reachability.ts';

/** Share by which a round comes earlier or later, so that a fleet's rounds don't fall together. */
const JITTER = 0.1;
/** The first round waits for the subscription so long; without one it is the rounds that bring what is new. */
const FIRST_SUBSCRIPTION_MS = 3_000;

/** Something that is followed. */
export interface Source {
  readonly channels: readonly string[];
  /** Must not throw. */
  heard(channel: string, message: Buffer): void;
  /** Messages may have been missed: all is to be read in the next round. */
  forget(): void;
  /** Compares what is known with the store, and tells what is new. Rounds never overlap. */
  round(reader: Connection): Promise<void>;
}

export interface HubOptions {
  /** How the two connect. */
  readonly client: (role: 'reader' | 'subscriber') => ClientOptions;
  readonly reachability: Reachability;
  /** V3, between two rounds. */
  readonly freshnessMs: number;
  readonly onError: OnError;
}

export class FeedHub {
  readonly #options: HubOptions;
  readonly #sources: readonly Source[];
  readonly #closed = new AbortController();
  readonly #firstSubscription = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #reader: Connection | undefined;
  #subscriber: Connection | undefined;
  #isSubscribed = false;
  #isWoken = false;
  #endPause = (): void => {};

  constructor(options: HubOptions, sources: readonly Source[]) {
    this.#options = options;
    this.#sources = sources;
  }

  /** Connects, the first time; and lets the next round begin now. */
  wake(): void {
    this.#isWoken = true;
    this.#endPause();
    if (!this.#closed.signal.aborted) this.#running ??= this.#run();
  }

  /** Another server is the primary. */
  renew(): void {
    this.#reader?.renew();
    this.#subscriber?.renew();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#endPause();
    this.#firstSubscription.resolve();
    await Promise.all([this.#reader?.close(), this.#subscriber?.close()]);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { client, reachability } = this.#options;
    this.#reader = new Connection({ ...client('reader'), reach: reachability.link(), onReady: () => this.#readAll() });
    this.#subscriber = new Connection({ ...client('subscriber'), reach: reachability.link(), onReady: () => void this.#subscribe() });
    this.#subscriber.onMessage((channel, message) => {
      for (const source of this.#sources) if (source.channels.includes(channel)) source.heard(channel, message);
    });
    await Promise.race([this.#firstSubscription.promise, sleep(FIRST_SUBSCRIPTION_MS, undefined, { ref: false })]);
    while (!this.#closed.signal.aborted) {
      this.#isWoken = false;
      if (!this.#isSubscribed && this.#subscriber.isReady) void this.#subscribe();
      await Promise.all(this.#sources.map((source) => this.#round(source, this.#reader as Connection)));
      await this.#pause();
    }
  }

  async #round(source: Source, reader: Connection): Promise<void> {
    try {
      await source.round(reader);
    } catch (error) {
      // What Redis failed to do was told by the connection.
      if (!(error instanceof RedisFailure)) this.#options.onError(error, 'reading from Redis');
    }
  }

  async #pause(): Promise<void> {
    if (this.#isWoken || this.#closed.signal.aborted) return;
    const ms = this.#options.freshnessMs * (1 - JITTER + 2 * JITTER * Math.random());
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#endPause = () => (clearTimeout(timer), resolve());
    });
  }

  /** First to listen, then to read (V3): what is said in between is heard. */
  async #subscribe(): Promise<void> {
    this.#isSubscribed = true;
    const channels = this.#sources.flatMap((source) => source.channels);
    try {
      await this.#subscriber?.ask((redis) => redis.subscribe(...channels));
      this.#readAll();
      this.#firstSubscription.resolve();
    } catch {
      // Told by the connection; tried again in the next round.
      this.#isSubscribed = false;
    }
  }

  #readAll(): void {
    for (const source of this.#sources) source.forget();
    this.wake();
  }
}

/**
 * One connection to Redis, be it one server, whom the Sentinels name, or a Cluster: a command is answered in time or
 * rejected, and a peer that has gone silent is noticed though nothing is asked. Its limits are in client.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, type Redis } from 'ioredis';
import { formatRedisPlace } from '#runtime';
import type { Reach } from '../drivers.ts';
import { COMMAND_TIMEOUT_MS, DISCONNECT_TIMEOUT_MS, openClient, type ClientOptions, type Commands } from './client.ts';
import { failureOf, RedisFailure } from './failure.ts';

const PING_EACH_MS = 1_000;
/** What refuses service (READONLY, OOM, LOADING …) outweighs the answered pings of this long. */
const REFUSED_FOR_MS = 3_000;
const mayHaveMoved = ({ code }: RedisFailure): boolean => code === undefined || code === 'CLUSTERDOWN' || code === 'MOVED';

export interface ConnectionOptions extends ClientOptions {
  readonly reach: Reach;
  /** Connected, for the first time or again. */
  readonly onReady?: () => void;
}

/** One server, and who it is. */
export interface Server {
  readonly redis: Redis;
  /** `HOST:PORT`. */
  readonly address: string;
}

export class Connection {
  readonly #redis: Redis | Cluster;
  readonly #reach: Reach;
  readonly #beat: NodeJS.Timeout;
  /** For people: where it leads to. */
  readonly address: string;
  /** The present try to connect has succeeded or failed. */
  #settled = Promise.withResolvers<void>();
  /** Why it isn't connected; or, while it is, why it won't be if it ends. */
  #reason = new RedisFailure('not connected yet');
  #refusal: { readonly failure: RedisFailure; readonly atMs: number } | undefined;
  #closing: Promise<void> | undefined;
  /** Of a Cluster, after a failure; by the monotonic clock. */
  #slotsAskedMs = -Infinity;

  constructor({ reach, onReady, ...options }: ConnectionOptions) {
    this.#reach = reach;
    this.address = formatRedisPlace(options.place);
    this.#redis = openClient(options);
    this.#redis.on('error', (error: Error) => this.#lost(error));
    this.#redis.on('sentinelError', (error: Error) => this.#lost(error));
    // Of one node of a Cluster, which says nothing of the others: only why what is asked of this one may fail.
    this.#redis.on('node error', (error: Error) => (this.isReady ? void this.#noted(error) : this.#lost(error)));
    this.#redis.on('close', () => this.#closed());
    this.#redis.on('ready', () => {
      this.#reason = new RedisFailure('the connection was closed');
      this.#settled.resolve();
      void this.#ping();
      onReady?.();
    });
    this.#beat = setInterval(() => void this.#ping(), PING_EACH_MS).unref();
  }

  get isReady(): boolean {
    return this.#redis.status === 'ready';
  }

  /** Messages of what was subscribed to. */
  onMessage(listener: (channel: string, message: Buffer) => void): void {
    this.#redis.on('messageBuffer', (channel: Buffer, message: Buffer) => listener(channel.toString(), message));
  }

  /**
   * Waits for the connection if need be, then for the answer.
   * @throws {RedisFailure}
   */
  ask<T>(command: (redis: Commands) => Promise<T>): Promise<T> {
    return this.#asked(() => command(this.#redis as Commands));
  }

  /**
   * The same, of what says nothing about states: that it fails is told to nobody else.
   * @throws {RedisFailure}
   */
  async askAside<T>(command: (redis: Commands) => Promise<T>): Promise<T> {
    try {
      if (!this.isReady) await this.#connected();
      return await command(this.#redis);
    } catch (error) {
      throw failureOf(error, () => this.#whyNot);
    }
  }

  /**
   * The same of each server that is written to: of a Cluster all its primaries.
   * @throws {RedisFailure}
   */
  askEach<T>(command: (server: Server) => Promise<T>): Promise<T[]> {
    return this.#asked(() => Promise.all(this.#servers.map((redis) => command({ redis, address: this.#addressOf(redis) }))));
  }

  /** Leaves the server for the one that is named now. */
  renew(): void {
    if (this.#closing === undefined && this.isReady) this.#redis.disconnect(true);
  }

  /** Whatever was asked and isn't answered is rejected. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  get #servers(): Redis[] {
    return this.#redis instanceof Cluster ? this.#redis.nodes('master') : [this.#redis];
  }

  #addressOf({ options: { host, port } }: Redis): string {
    return this.#redis instanceof Cluster ? `${host}:${port}` : this.address;
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      if (!this.isReady) await this.#connected();
      return await ask();
    } catch (error) {
      const failure = this.#failure(error);
      if (this.#closing === undefined) this.#tell(failure);
      throw failure;
    }
  }

  async #close(): Promise<void> {
    clearInterval(this.#beat);
    const isOpen = ['connecting', 'connect', 'ready'].includes(this.#redis.status);
    const ended = new Promise((resolve) => this.#redis.once('end', resolve));
    this.#redis.disconnect();
    this.#settled.resolve();
    if (isOpen) await Promise.race([ended, sleep(2 * DISCONNECT_TIMEOUT_MS, undefined, { ref: false })]);
  }

  /** Waits for the try that is under way, or the next one. */
  async #connected(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, COMMAND_TIMEOUT_MS);
    await Promise.race([this.#settled.promise, late.promise]);
    clearTimeout(timer);
    if (!this.isReady) throw this.#whyNot;
  }

  async #ping(): Promise<void> {
    if (this.#closing !== undefined) return;
    if (!this.isReady) return this.#reach.failed(this.#whyNot);
    try {
      await this.askEach(({ redis }) => redis.ping());
      if (this.#recentRefusal === undefined) this.#reach.reached();
    } catch {
      // Told by `askEach`.
    }
  }

  /** Connecting failed, or an open connection did. */
  #lost(error: Error): void {
    const reason = this.#noted(error);
    if (this.#closing === undefined) this.#reach.failed(reason);
  }

  #closed(): void {
    this.#settled.resolve();
    this.#settled = Promise.withResolvers();
    if (this.#closing === undefined) this.#reach.failed(this.#whyNot);
  }

  get #recentRefusal(): RedisFailure | undefined {
    const { failure, atMs } = this.#refusal ?? { atMs: -Infinity };
    return performance.now() < atMs + REFUSED_FOR_MS ? failure : undefined;
  }

  /** What ended the connection: a refusal that we answered by leaving, or what the socket says. */
  get #whyNot(): RedisFailure {
    return this.#recentRefusal ?? this.#reason;
  }

  /** Of an event. */
  #noted(error: Error): RedisFailure {
    return (this.#reason = this.#failure(error));
  }

  #failure(error: unknown): RedisFailure {
    const isOfCluster = this.#redis instanceof Cluster;
    const failure = failureOf(error, () => (isOfCluster ? this.#reason : this.#whyNot));
    // A node that is lost has left the pings of the others to answer; they say nothing of its slots.
    if (error !== failure && (failure.code !== undefined || isOfCluster)) this.#refusal = { failure, atMs: performance.now() };
    return failure;
  }

  #tell(failure: RedisFailure): void {
    this.#reach.failed(failure);
    if (!(this.#redis instanceof Cluster) || !this.isReady || !mayHaveMoved(failure)) return;
    // Another node may have its slots by now.
    if (performance.now() < this.#slotsAskedMs + PING_EACH_MS) return;
    this.#slotsAskedMs = performance.now();
    this.#redis.refreshSlotsCache(() => {});
  }
}

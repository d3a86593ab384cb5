/**
 * One connection to Redis with every limit set, since ioredis has none by default: nothing waits in a queue, a command
 * is answered in time or rejected, and a peer that has gone silent is noticed though nothing is asked. Nothing is sent
 * twice by itself: whoever asks knows whether a command may be repeated (K2, ALREADY).
 */
import { Redis } from 'ioredis';
import type { Secret } from '#runtime';
import type { Reach } from '../drivers.ts';

/** How long a call may wait for the connection, and then once more for its answer. */
const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
/** A socket that owes an answer and has been silent for so long is given up: the peer is gone, or the path to it. */
const SILENCE_MAX_MS = 3_000;
/** Wait for the peer's side of a close. */
const DISCONNECT_TIMEOUT_MS = 500;
const KEEP_ALIVE_AFTER_MS = 10_000;
const PING_EACH_MS = 1_000;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 1_000;
/** An answer that refuses service (READONLY, OOM, LOADING …) outweighs the answered pings of this long. */
const REFUSED_FOR_MS = 3_000;

/**
 * No answer, or an error as the answer; `reach` was told. Never holds the command, whose arguments may be a password or
 * a megabyte of ids.
 */
export class RedisFailure extends Error {
  override readonly name = 'RedisFailure';
  /** First word of Redis' own error, such as READONLY; undefined: it didn't answer. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

export interface ConnectionOptions {
  readonly url: Secret;
  /** As `CLIENT LIST` shall show it. */
  readonly name: string;
  readonly reach: Reach;
  /** Connected, for the first time or again. */
  readonly onReady?: () => void;
}

export class Connection {
  readonly #redis: Redis;
  readonly #reach: Reach;
  readonly #beat: NodeJS.Timeout;
  /** The present try to connect has succeeded or failed. */
  #settled = Promise.withResolvers<void>();
  /** Why it isn't connected; or, while it is, why it won't be if it ends. */
  #reason = new RedisFailure('not connected yet');
  #refusal: { readonly failure: RedisFailure; readonly atMs: number } | undefined;
  #closing: Promise<void> | undefined;

  constructor({ url, name, reach, onReady }: ConnectionOptions) {
    this.#reach = reach;
    this.#redis = new Redis(url.reveal(), {
      connectionName: name,
      disableClientInfo: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: COMMAND_TIMEOUT_MS,
      socketTimeout: SILENCE_MAX_MS,
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      keepAlive: KEEP_ALIVE_AFTER_MS,
      enableOfflineQueue: false,
      // What was sent and not answered is rejected as the connection ends: 0 retries.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      // What comes after a reconnection has an order (V3), so whoever subscribed subscribes again.
      autoResubscribe: false,
      // Its INFO is a permission more; a server that is still loading says so in answer to the ping.
      enableReadyCheck: false,
      // After a fail-over the address leads to the new primary, an open connection to the old one.
      reconnectOnError: (error) => error.message.includes('READONLY'),
      retryStrategy: (times) => Math.min(RECONNECT_MAX_MS, RECONNECT_FIRST_MS * 2 ** times) * (0.5 + Math.random() / 2),
    });
    this.#redis.on('error', (error: Error & { code?: string }) => this.#lost(error));
    this.#redis.on('close', () => this.#closed());
    this.#redis.on('ready', () => {
      this.#reason = new RedisFailure('the connection was closed');
      this.#settled.resolve();
      void this.#ping();
      onReady?.();
    });
    this.#beat = setInterval(() => void this.#ping(), PING_EACH_MS).unref();
  }

  /** `HOST:PORT`. */
  get address(): string {
    const { host, port } = this.#redis.options;
    return `${host}:${port}`;
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
  async ask<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      if (!this.isReady) await this.#connected();
      return await command(this.#redis);
    } catch (error) {
      const failure = this.#failureOf(error);
      if (this.#closing === undefined) this.#reach.failed(failure);
      throw failure;
    }
  }

  /** Whatever was asked and isn't answered is rejected. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    clearInterval(this.#beat);
    const isOpen = ['connecting', 'connect', 'ready'].includes(this.#redis.status);
    const ended = new Promise((resolve) => this.#redis.once('end', resolve));
    this.#redis.disconnect();
    this.#settled.resolve();
    if (isOpen) await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 2 * DISCONNECT_TIMEOUT_MS).unref())]);
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
      await this.ask((redis) => redis.ping());
      if (this.#recentRefusal === undefined) this.#reach.reached();
    } catch {
      // Told by `ask`.
    }
  }

  /** Connecting failed, or an open connection did. */
  #lost(error: Error & { code?: string }): void {
    this.#reason = this.#failureOf(error);
    if (this.#closing === undefined) this.#reach.failed(this.#reason);
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

  #failureOf(error: unknown): RedisFailure {
    if (error instanceof RedisFailure) return error;
    const { name, message, code } = error as Error & { code?: string };
    if (name === 'ReplyError') {
      const failure = new RedisFailure(message, message.split(' ', 1)[0]);
      this.#refusal = { failure, atMs: performance.now() };
      return failure;
    }
    if (message === 'Command timed out') return new RedisFailure(`no answer within ${COMMAND_TIMEOUT_MS} ms`);
    if (OF_THE_CLIENT.test(message)) return this.#whyNot;
    return new RedisFailure(message === '' ? (code ?? name) : message);
  }
}

/** What ioredis says of a command that it didn't send, or whose connection ended: the reason is another's. */
const OF_THE_CLIENT = /^(?:Stream isn't writeable|Reached the max retries|Connection is closed|Command aborted)/;

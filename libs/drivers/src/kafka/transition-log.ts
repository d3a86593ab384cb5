/**
 * History (L1 transitions): key = upstream. Kafka can't look anything up, so each process that asks keeps the newest of
 * them in memory, from when it first asks.
 */
import type { Stop, Transition, TransitionLog, TransitionPage, TransitionQuery } from '#engine';
import { decodeTransition, encodeTransition, partitionOf } from '#wire';
import type { KafkaMessage } from 'kafkajs';
import type { OnError } from '../drivers.ts';
import { Listeners } from '../listeners.ts';
import type { Appender } from './appender.ts';
import { Follower } from './follower.ts';
import type { Bounds, Link } from './link.ts';
import { asBuffer } from './outcome-log.ts';
import { checkQuery, TransitionIndex, type Place } from './transition-index.ts';

/** What `list` reaches back to. */
const KEPT_MAX = 100_000;
/**
 * Header by which transitions of several partitions have an order: the writer's clock, ms, a dot, and a number that
 * only grows. Append times won't do: one send to two partitions gets two, in any order.
 */
const WRITTEN = 'fuseboard-written';

export interface TransitionLogOptions {
  readonly topic: string;
  readonly partitions: number;
  readonly appender: Appender;
  readonly reads: Link;
  readonly tail: Link;
  readonly ready: () => Promise<void>;
  readonly onError: OnError;
}

export class KafkaTransitionLog implements TransitionLog {
  readonly #options: TransitionLogOptions;
  readonly #follower: Follower;
  readonly #listeners: Listeners<Transition>;
  readonly #index = new TransitionIndex(KEPT_MAX);
  #writtenMs = 0;
  #sequence = 0;

  constructor(options: TransitionLogOptions) {
    this.#options = options;
    const { partitions, reads, tail, onError } = options;
    this.#listeners = new Listeners(onError, 'telling of transitions');
    this.#follower = new Follower({
      partitions,
      reads,
      tail,
      from: ({ first, next }) => Math.max(first, next - Math.ceil(KEPT_MAX / partitions)),
      onRecord: (partition, batch, n) => this.#take(partition, batch.message(n)),
      // What is known stays known; what was cut, or is another log's, begins at its beginning.
      onLost: (_, { first }: Bounds) => first,
      onError,
      doing: 'following transitions',
    });
  }

  async append(transitions: readonly Transition[]): Promise<void> {
    const { topic, partitions, appender, ready } = this.#options;
    await ready();
    // Never back, so that what is written later is listed as newer.
    this.#writtenMs = Math.max(this.#writtenMs, Date.now());
    const drafts = transitions.map((transition) => ({
      topic,
      partition: partitionOf(transition.upstream, partitions),
      key: Buffer.from(transition.upstream),
      value: asBuffer(encodeTransition(transition)),
      headers: { [WRITTEN]: `${this.#writtenMs}.${this.#sequence++}` },
    }));
    await appender.append(drafts);
  }

  /** @throws {RangeError} limit outside 1 to 1,000, or a page token that no page gave. */
  async list(query: TransitionQuery): Promise<TransitionPage> {
    checkQuery(query);
    await this.#caughtUp();
    return this.#index.list(query);
  }

  async follow(listener: (transition: Transition) => void): Promise<Stop> {
    await this.#caughtUp();
    return this.#listeners.add(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#follower.close();
  }

  async #caughtUp(): Promise<void> {
    await this.#options.ready();
    await this.#follower.catchUp();
  }

  #take(partition: number, message: KafkaMessage): void {
    const transition = this.#read(partition, message);
    if (transition !== undefined && this.#index.add(placeOf(partition, message), transition)) this.#listeners.tell(transition);
  }

  #read(partition: number, { value, offset }: KafkaMessage): Transition | undefined {
    try {
      return decodeTransition(value ?? new Uint8Array());
    } catch (error) {
      this.#options.onError(error, `reading partition ${partition}, offset ${offset} of ${this.#options.topic}, which is passed over: it`);
      return undefined;
    }
  }
}

function placeOf(partition: number, { headers, timestamp, offset }: KafkaMessage): Place {
  const written = /^(\d{1,15})\.(\d{1,15})$/.exec(String(headers?.[WRITTEN]));
  return [Number(written?.[1] ?? timestamp), Number(written?.[2] ?? 0), partition, Number(offset)];
}

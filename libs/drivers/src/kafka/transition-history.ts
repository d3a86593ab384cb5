/** The transitions topic as it lies there, for who compares it with what the outcomes make (verify). */
import type { HistoryPage, ToldTransition, TransitionHistory } from '#engine';
import { decodeTransition } from '#wire';
import type { FetchedMessage } from 'kafkajs/src/cluster/index.js';
import { isOutOfRange, messagesOf, type Bounds, type Fetched, type Link } from './link.ts';

export interface TransitionHistoryOptions {
  readonly reads: Link;
  readonly partitions: number;
  readonly ready: () => Promise<void>;
}

export class KafkaTransitionHistory implements TransitionHistory {
  readonly #options: TransitionHistoryOptions;

  constructor(options: TransitionHistoryOptions) {
    this.#options = options;
  }

  async bounds(partition: number): Promise<Bounds> {
    await this.#options.ready();
    return (await this.#options.reads.bounds(this.#options.partitions))[partition] as Bounds;
  }

  async read(partition: number, from: number, max: number): Promise<HistoryPage> {
    await this.#options.ready();
    const fetched = await fetchFrom(this.#options.reads, partition, from);
    if (fetched === undefined) return { records: [], next: from };
    const found = messagesOf(fetched);
    const messages = found.slice(0, max);
    const last = messages.length < found.length ? messages.at(-1) : undefined;
    return { records: messages.map(toldOf), next: last === undefined ? fetched.next : Number(last.offset) + 1 };
  }
}

/** Undefined: there is nothing from there on. Where the beginning is gone, from the first that is left. */
export async function fetchFrom(reads: Link, partition: number, from: number): Promise<Fetched | undefined> {
  try {
    return (await reads.fetch(new Map([[partition, from]]), { waitMs: 0 }))[0];
  } catch (error) {
    if (!isOutOfRange(error)) throw error;
    const { first } = (await reads.bounds(partition + 1))[partition] as Bounds;
    return from < first ? await fetchFrom(reads, partition, first) : undefined;
  }
}

function toldOf({ offset, timestamp, value }: FetchedMessage): ToldTransition {
  const place = { offset: Number(offset), appendMs: Number(timestamp) };
  try {
    return { ...place, transition: decodeTransition(value ?? new Uint8Array()) };
  } catch {
    return place;
  }
}

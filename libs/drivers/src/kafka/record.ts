/** A record of the outcomes topic, read: what it is, and whether it stands where its upstream belongs (L2). */
import type { KafkaMessage } from 'kafkajs';
import type { Entry, LogRecord } from '#engine';
import { decodeEntry, partitionOf } from '#wire';

/** Header of a record that was sent on: `PARTITION@OFFSET` of where it was found. */
export const SENT_ON = 'fuseboard-sent-on';

/** Upstreams whose partition is remembered, so that the hot path does no hashing. */
const REMEMBERED_MAX = 10_000;

export class RecordReader {
  readonly #partitions: number;
  readonly #partitionOf = new Map<string, number>();

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  read(partition: number, message: KafkaMessage): LogRecord {
    const { key, value, offset, timestamp } = message;
    const entry = decodeEntry(key, value);
    return { offset: Number(offset), appendMs: Number(timestamp), entry: this.#placed(partition, entry, message) };
  }

  /** A mark is never in a wrong partition: it is of that in which it stands. */
  #placed(partition: number, entry: Entry, { value, headers }: KafkaMessage): Entry {
    if (entry.kind !== 'outcome') return entry;
    const { upstream, reporter, count } = entry.outcome;
    if (this.#ownPartition(upstream) === partition) return entry;
    return { kind: 'misrouted', upstream, reporter, count, value: value as Buffer, isSentOn: headers !== undefined && Object.hasOwn(headers, SENT_ON) };
  }

  #ownPartition(upstream: string): number {
    let found = this.#partitionOf.get(upstream);
    if (found !== undefined) return found;
    if (this.#partitionOf.size >= REMEMBERED_MAX) this.#partitionOf.clear();
    found = partitionOf(upstream, this.#partitions);
    this.#partitionOf.set(upstream, found);
    return found;
  }
}

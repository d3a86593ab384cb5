/** A record of the outcomes topic, read: what it is, and whether it stands where its upstream belongs (L2). */
import type { Entry, LogRecord } from '#engine';
import { decodeEntry, OutcomeScanner, partitionOf } from '#wire';
import type { RecordBatch } from './record-batch.ts';

/** Header of a record that was sent on: `PARTITION@OFFSET` of where it was found. */
export const SENT_ON = 'fuseboard-sent-on';

/** Upstreams whose partition is remembered, so that the hot path does no hashing. */
const REMEMBERED_MAX = 10_000;

export class RecordReader {
  readonly #partitions: number;
  readonly #scanner = new OutcomeScanner();
  readonly #partitionOf = new Map<string, number>();

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  read(partition: number, batch: RecordBatch, n: number): LogRecord {
    return { offset: batch.offset(n), appendMs: batch.appendMs(n), entry: this.#entry(partition, batch, n) };
  }

  #entry(partition: number, batch: RecordBatch, n: number): Entry {
    const valueFrom = batch.valueFrom(n);
    const outcome = valueFrom < 0 ? undefined : this.#scanner.read(batch.bytes, valueFrom, batch.valueTo(n));
    if (outcome !== undefined && this.#ownPartition(outcome.upstream) === partition) return { kind: 'outcome', outcome };
    const { key, value, headers } = batch.message(n);
    const entry = decodeEntry(key, value);
    // A mark is never in a wrong partition: it is of that in which it stands.
    if (entry.kind !== 'outcome' || this.#ownPartition(entry.outcome.upstream) === partition) return entry;
    const { upstream, reporter, count } = entry.outcome;
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

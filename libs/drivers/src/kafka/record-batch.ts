/**
 * The records of one batch, read in place: where each lies, and no object for any of them. A partition holds thousands
 * that wait for their turn, and kafkajs makes some ten objects of each, which all outlive a garbage collection or two.
 * Whoever wants a record as kafkajs gives it has it made of the same bytes.
 */
import Decoder from 'kafkajs/src/protocol/decoder.js';
import type { FetchedMessage, BatchContext } from 'kafkajs/src/cluster/index.js';
import decodeRecord from 'kafkajs/src/protocol/recordBatch/record/v0/decoder.js';
import { UnreadableBatch } from './codecs.ts';

/** What is known of each record, in numbers: its offset, append time, its own place in the bytes, its value's (-1: null). */
const OFFSET = 0;
const APPEND_MS = 1;
const FROM = 2;
const TO = 3;
const VALUE_FROM = 4;
const VALUE_TO = 5;
const FIELDS = 6;

export interface PlainRecords {
  /** Not compressed (any more). */
  readonly bytes: Buffer;
  readonly count: number;
  readonly context: BatchContext;
}

export class RecordBatch {
  readonly bytes: Buffer;
  readonly count: number;
  readonly #index: Float64Array;
  readonly #context: BatchContext | undefined;
  /** As kafkajs read them, where it did. */
  readonly #messages: readonly FetchedMessage[];

  private constructor(bytes: Buffer, index: Float64Array, of: { context?: BatchContext; messages?: readonly FetchedMessage[] }) {
    this.bytes = bytes;
    this.count = index.length / FIELDS;
    this.#index = index;
    this.#context = of.context;
    this.#messages = of.messages ?? [];
  }

  /** @throws UnreadableBatch */
  static read(records: PlainRecords): RecordBatch {
    return new RecordBatch(records.bytes, new Walk(records).index(), records);
  }

  /** What kafkajs has read already. */
  static of(messages: readonly FetchedMessage[]): RecordBatch {
    const index = new Float64Array(messages.length * FIELDS).fill(-1);
    for (const [n, { offset, timestamp }] of messages.entries()) {
      index[n * FIELDS + OFFSET] = Number(offset);
      index[n * FIELDS + APPEND_MS] = Number(timestamp);
    }
    return new RecordBatch(NO_BYTES, index, { messages });
  }

  /** Of the first record at `offset` or behind it; `count`: there is none. */
  indexFrom(offset: number): number {
    let n = 0;
    while (n < this.count && this.offset(n) < offset) n++;
    return n;
  }

  offset(n: number): number {
    return this.#index[n * FIELDS + OFFSET] as number;
  }

  appendMs(n: number): number {
    return this.#index[n * FIELDS + APPEND_MS] as number;
  }

  /** Where its value begins in `bytes`; -1: it has none, or lies elsewhere. */
  valueFrom(n: number): number {
    return this.#index[n * FIELDS + VALUE_FROM] as number;
  }

  valueTo(n: number): number {
    return this.#index[n * FIELDS + VALUE_TO] as number;
  }

  /** In place where it lies there. */
  value(n: number): Buffer | null {
    const from = this.valueFrom(n);
    return from < 0 ? this.message(n).value : this.bytes.subarray(from, this.valueTo(n));
  }

  messages(): FetchedMessage[] {
    return Array.from({ length: this.count }, (_, n) => this.message(n));
  }

  message(n: number): FetchedMessage {
    if (this.#context === undefined) return this.#messages[n] as FetchedMessage;
    const at = n * FIELDS;
    return decodeRecord(new Decoder(this.bytes.subarray(this.#index[at + FROM], this.#index[at + TO])), this.#context);
  }
}

const NO_BYTES = Buffer.alloc(0);
const RECORD_BYTES_LEAST = 7;
const LOG_APPEND_TIME = 1;

/** Along a batch's records, from one to the next. */
class Walk {
  readonly #records: PlainRecords;
  #at = 0;

  constructor(records: PlainRecords) {
    this.#records = records;
  }

  index(): Float64Array {
    const { count, bytes, context } = this.#records;
    if (count < 0 || count * RECORD_BYTES_LEAST > bytes.length) throw this.#broken();
    const index = new Float64Array(count * FIELDS);
    const firstOffset = Number(context.firstOffset);
    const firstMs = Number(context.firstTimestamp);
    const appendMs = context.timestampType === LOG_APPEND_TIME ? Number(context.maxTimestamp) : undefined;
    for (let at = 0; at < index.length; at += FIELDS) {
      const length = this.#varint();
      const from = this.#at;
      // Attributes: none are in use.
      this.#skip(1);
      const deltaMs = this.#varint();
      index[at + APPEND_MS] = appendMs ?? firstMs + deltaMs;
      index[at + OFFSET] = firstOffset + this.#varint();
      this.#skip(Math.max(0, this.#varint()));
      const valueBytes = this.#varint();
      index[at + VALUE_FROM] = valueBytes < 0 ? -1 : this.#at;
      this.#skip(Math.max(0, valueBytes));
      index[at + VALUE_TO] = valueBytes < 0 ? -1 : this.#at;
      index[at + FROM] = from;
      index[at + TO] = from + length;
      if (length < 0 || this.#at > from + length) throw this.#broken();
      this.#at = from;
      this.#skip(length);
    }
    return index;
  }

  #skip(length: number): void {
    this.#at += length;
    if (this.#at > this.#records.bytes.length) throw this.#broken();
  }

  /** Zigzag, of up to 64 bits; beyond 2^53 there is nothing of ours. */
  #varint(): number {
    const { bytes } = this.#records;
    const first = bytes[this.#at++] ?? 0;
    if (first < 128) return (first >>> 1) ^ -(first & 1);
    let value = first & 127;
    for (let scale = 128; ; scale *= 128) {
      const byte = bytes[this.#at++];
      if (byte === undefined || scale > 2 ** 63) throw this.#broken();
      value += (byte & 127) * scale;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }

  #broken(): UnreadableBatch {
    const { firstOffset } = this.#records.context;
    return new UnreadableBatch(`the batch at offset ${firstOffset} is damaged; whoever wrote it wrote no records of Kafka's format`);
  }
}

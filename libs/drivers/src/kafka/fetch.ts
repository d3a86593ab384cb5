/**
 * A fetch as kafkajs sends it, whose answer is read in place (record-batch.ts). What isn't of the present format, from a
 * broker older than Kafka 2.3 or a topic older than 0.11, is left to kafkajs.
 */
import type { BatchContext, Broker, FetchRequest, FetchedMessage } from 'kafkajs/src/cluster/index.js';
import Decoder from 'kafkajs/src/protocol/decoder.js';
import compression from 'kafkajs/src/protocol/message/compression/index.js';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys.js';
import decodeMessages from 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js';
import requests from 'kafkajs/src/protocol/requests/index.js';
import { RecordBatch } from './record-batch.ts';

/** The version whose answer is read here: the newest that kafkajs knows. */
const VERSION = 11;
/** Record batch: format and flags. */
const MAGIC = 2;
const APPEND_TIME_FLAG = 8;
const CONTROL_FLAG = 32;
/** Record batch: where its parts begin. */
const LENGTH_AT = 8;
const LENGTH_COUNTS_FROM = 12;
const MAGIC_AT = 16;
const FLAGS_AT = 21;
const LAST_DELTA_AT = 23;
const FIRST_MS_AT = 27;
const MAX_MS_AT = 35;
const COUNT_AT = 57;
const RECORDS_AT = 61;
/** Of an answer, less than this share is copied out of it: or all of it would stay for as long as one partition's records wait. */
const COPIED_BELOW = 0.5;

/** What one partition gave. */
export interface FetchedSet {
  /** Without transaction markers. */
  readonly batches: readonly RecordBatch[];
  /** One past the last batch, whatever was in it; undefined: there was none. */
  readonly next: number | undefined;
}

export interface FetchedPartition extends FetchedSet {
  readonly partition: number;
  readonly highWatermark: number;
}

export async function fetchBatches(broker: Broker, request: FetchRequest): Promise<FetchedPartition[]> {
  const made = broker.lookupRequest(apiKeys.Fetch, requests.requests.Fetch)(request);
  if (made.request.apiVersion !== VERSION) {
    const { responses } = await broker.fetch(request);
    return responses.flatMap(({ partitions }) => partitions.map(({ partition, highWatermark, messages }) => ({ partition, highWatermark: Number(highWatermark), ...setOf(messages) })));
  }
  const { responses } = await broker.connectionPool.send({ ...made, response: { decode: decodeAnswer, parse: made.response.parse } });
  return responses.flatMap(({ partitions }) => partitions);
}

export interface Answer {
  readonly clientSideThrottleTime: number;
  readonly responses: readonly { readonly topicName: string | null; readonly partitions: readonly (FetchedPartition & { readonly errorCode: number })[] }[];
}

/** What kafkajs' `parse` finds a partition's error in. */
export async function decodeAnswer(payload: Buffer): Promise<Answer> {
  const decoder = new Decoder(payload);
  const clientSideThrottleTime = decoder.readInt32();
  // Error and session: there is none.
  decoder.forward(6);
  const responses = await decoder.readArrayAsync(async () => ({ topicName: decoder.readString(), partitions: await decoder.readArrayAsync(decodePartition) }));
  return { clientSideThrottleTime, responses };
}

async function decodePartition(decoder: Decoder): Promise<FetchedPartition & { errorCode: number }> {
  const partition = decoder.readInt32();
  const errorCode = decoder.readInt16();
  const highWatermark = Number(decoder.readInt64());
  // Last stable offset, log start offset; aborted transactions, of two numbers each; preferred replica.
  decoder.forward(16);
  decoder.readArray(() => decoder.forward(16));
  decoder.forward(4);
  const set = decoder.readBytes() ?? Buffer.alloc(0);
  const isSmall = set.length < decoder.buffer.length * COPIED_BELOW;
  return { partition, errorCode, highWatermark, ...(await decodeSet(isSmall ? Buffer.from(set) : set)) };
}

async function decodeSet(set: Buffer): Promise<FetchedSet> {
  const batches: RecordBatch[] = [];
  let next: number | undefined;
  for (let from = 0; set.length - from >= RECORDS_AT; ) {
    if (set.readInt8(from + MAGIC_AT) !== MAGIC) return next === undefined ? setOf(await decodeMessages(withSize(set))) : { batches, next };
    const to = from + LENGTH_COUNTS_FROM + set.readInt32BE(from + LENGTH_AT);
    // Where a fetch is full, its last batch is cut off.
    if (to > set.length) break;
    const bytes = set.subarray(from, to);
    const context = contextOf(bytes);
    if (!context.isControlBatch) batches.push(await decodeBatch(bytes, context));
    next = Number(context.firstOffset) + context.lastOffsetDelta + 1;
    from = to;
  }
  return { batches, next };
}

async function decodeBatch(batch: Buffer, context: BatchContext): Promise<RecordBatch> {
  const codec = compression.lookupCodecByAttributes(batch.readInt16BE(FLAGS_AT));
  const records = batch.subarray(RECORDS_AT);
  return RecordBatch.read({ bytes: codec === null ? records : await codec.decompress(records), count: batch.readInt32BE(COUNT_AT), context });
}

function contextOf(batch: Buffer): BatchContext {
  const flags = batch.readInt16BE(FLAGS_AT);
  return {
    magicByte: MAGIC,
    firstOffset: String(batch.readBigInt64BE(0)),
    lastOffsetDelta: batch.readInt32BE(LAST_DELTA_AT),
    firstTimestamp: String(batch.readBigInt64BE(FIRST_MS_AT)),
    maxTimestamp: String(batch.readBigInt64BE(MAX_MS_AT)),
    timestampType: (flags & APPEND_TIME_FLAG) === 0 ? 0 : 1,
    isControlBatch: (flags & CONTROL_FLAG) !== 0,
  };
}

/** As kafkajs reads them. */
function setOf(messages: readonly FetchedMessage[]): FetchedSet {
  const last = messages.at(-1);
  const { firstOffset, lastOffsetDelta } = last?.batchContext ?? { firstOffset: last?.offset, lastOffsetDelta: 0 };
  const next = last && Number(firstOffset) + lastOffsetDelta + 1;
  return { batches: [RecordBatch.of(messages.filter(({ isControlRecord }) => isControlRecord !== true))], next };
}

function withSize(set: Buffer): Decoder {
  const size = Buffer.alloc(4);
  size.writeInt32BE(set.length);
  return new Decoder(Buffer.concat([size, set]));
}

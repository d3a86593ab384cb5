/** What is read in place is what kafkajs reads of the same answer. */
import { createRequire } from 'node:module';
import type { FetchedMessage } from 'kafkajs/src/cluster/index.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UnreadableBatch } from './codecs.ts';
import { decodeAnswer } from './fetch.ts';

const inside = (path: string) => createRequire(import.meta.url)(`kafkajs/src/protocol/${path}`);
const Encoder = inside('encoder');
const encodeRecord = inside('recordBatch/record/v0');
const { RecordBatch: encodeBatch } = inside('recordBatch/v0');
const encodeOldSet = inside('messageSet');
const { decode: decodeByKafkajs } = inside('requests/fetch/v11/response');

const FLAGS_AT = 22;
const APPEND_TIME = 8;
const CONTROL = 32;
const GZIP = 1;

interface Batch {
  readonly flags: number;
  readonly firstTimestamp: number;
  readonly records: readonly { readonly skipped: number; readonly ms: number; readonly key: Uint8Array | null; readonly value: Uint8Array | null; readonly headers: Record<string, string> }[];
}

const bytes = fc.option(fc.uint8Array({ maxLength: 300 }));
const record = fc.record({ skipped: fc.nat(200), ms: fc.integer({ min: -100_000, max: 100_000 }), key: bytes, value: bytes, headers: fc.dictionary(fc.constantFrom('a', 'fuseboard-sent-on'), fc.string({ maxLength: 9 })) });
const batch: fc.Arbitrary<Batch> = fc.record({
  flags: fc.constantFrom(0, 0, APPEND_TIME, APPEND_TIME, GZIP, GZIP | APPEND_TIME, CONTROL),
  firstTimestamp: fc.constantFrom(0, 1_790_000_000_123, 2 ** 41),
  records: fc.array(record, { minLength: 1, maxLength: 20 }),
});
const answered = fc.record({ first: fc.constantFrom(0, 7, 2 ** 31 - 3, 2 ** 40), batches: fc.array(batch, { maxLength: 4 }), cut: fc.oneof(fc.constant(0), fc.nat(70)) });

/** As a broker keeps them, the last one cut off where a fetch is full. */
async function setOf({ first, batches, cut }: { first: number; batches: readonly Batch[]; cut: number }): Promise<Buffer> {
  const encoded: Buffer[] = [];
  let offset = first;
  for (const { flags, firstTimestamp, records } of batches) {
    let delta = -1;
    const written = records.map(({ skipped, ms, key, value, headers }) => encodeRecord({ offsetDelta: (delta += 1 + skipped), timestampDelta: ms, key: key && Buffer.from(key), value: value && Buffer.from(value), headers }));
    const { buffer } = await encodeBatch({ compression: flags & GZIP, firstOffset: offset, firstTimestamp, maxTimestamp: firstTimestamp + 5_000, lastOffsetDelta: delta, records: written });
    buffer[FLAGS_AT] |= flags;
    encoded.push(buffer);
    offset += delta + 1;
  }
  const set = Buffer.concat(encoded);
  return set.subarray(0, set.length - cut);
}

function answerOf(sets: readonly Buffer[]): Buffer {
  const encoder = new Encoder().writeInt32(3).writeInt16(0).writeInt32(0).writeInt32(1).writeString('topic').writeInt32(sets.length);
  for (const [index, set] of sets.entries()) {
    encoder.writeInt32(index).writeInt16(index === 1 ? 1 : 0).writeInt64(`${2 ** 40 + index}`).writeInt64('5').writeInt64('0');
    encoder.writeInt32(index).writeEncoder(Array.from({ length: index }).reduce((some: typeof Encoder) => some.writeInt64('1').writeInt64('2'), new Encoder())).writeInt32(-1).writeBytes(set);
  }
  return encoder.buffer;
}

test('what is read of an answer is what kafkajs reads of it, over many answers: compressed, cut off, with gaps, markers and headers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(answered, { maxLength: 3 }), async (partitions) => {
      const answer = answerOf(await Promise.all(partitions.map(setOf)));
      const [ours, theirs] = [await decodeAnswer(answer), await decodeByKafkajs(answer)];
      expect(ours.clientSideThrottleTime).toBe(theirs.clientSideThrottleTime);
      const [mine = [], known = []] = [ours.responses[0]?.partitions, theirs.responses[0]?.partitions];
      expect(mine.map(({ partition, errorCode, highWatermark }) => ({ partition, errorCode, highWatermark: String(highWatermark) }))).toEqual(
        known.map(({ partition, errorCode, highWatermark }: { partition: number; errorCode: number; highWatermark: string }) => ({ partition, errorCode, highWatermark })),
      );
      for (const [index, { batches, next }] of mine.entries()) {
        const messages: FetchedMessage[] = known[index].messages;
        const last = messages.at(-1)?.batchContext;
        expect(next).toBe(last && Number(last.firstOffset) + last.lastOffsetDelta + 1);
        const kept = messages.filter(({ isControlRecord }) => isControlRecord !== true);
        expect(batches.flatMap((each) => each.messages()).map(bare)).toEqual(kept.map(bare));
        expect(batches.flatMap((each) => Array.from({ length: each.count }, (_, n) => ({ offset: String(each.offset(n)), timestamp: String(each.appendMs(n)) })))).toEqual(kept.map(({ offset, timestamp }) => ({ offset, timestamp })));
        const values = batches.flatMap((each) => Array.from({ length: each.count }, (_, n) => (each.valueFrom(n) < 0 ? null : each.bytes.subarray(each.valueFrom(n), each.valueTo(n)))));
        expect(values).toEqual(kept.map(({ value }) => value));
      }
    }),
    { numRuns: 300 },
  );
});

function bare({ offset, timestamp, key, value, headers }: FetchedMessage) {
  return { offset, timestamp, key, value, headers };
}

test('a set of the format before record batches is read as kafkajs reads it', async () => {
  const set: Buffer = encodeOldSet({ messageVersion: 1, entries: [{ timestamp: 1_790_000_000_000, key: 'k', value: 'v' }, { timestamp: 1_790_000_000_001, key: 'k', value: 'w' }] }).buffer;
  const found = (await decodeAnswer(answerOf([set]))).responses[0]?.partitions[0];
  expect(found?.batches.flatMap((each) => each.messages()).map(({ offset, value }) => [offset, String(value)])).toEqual([['0', 'v'], ['1', 'w']]);
  expect(found?.next).toBe(2);
});

test('a batch whose records are not what it says is one that cannot be read, wherever the damage is', async () => {
  const records = [{ skipped: 0, ms: 1, key: new Uint8Array(3), value: new Uint8Array(9), headers: {} }];
  const set = await setOf({ first: 5, batches: [{ flags: 0, firstTimestamp: 1, records }], cut: 0 });
  for (const [at, byte] of [[60, 2], [61, 200], [61, 4], [65, 126], [65, 254]] as const) {
    const damaged = Buffer.from(set);
    damaged[at] = byte;
    await expect(decodeAnswer(answerOf([damaged])), `byte ${at}`).rejects.toThrow(UnreadableBatch);
  }
});

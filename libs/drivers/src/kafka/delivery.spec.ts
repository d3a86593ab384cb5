import { createRequire } from 'node:module';
import type { FetchedMessage } from 'kafkajs/src/cluster/index.js';
import { afterEach, expect, test, vi } from 'vitest';
import type { LogRecord } from '#engine';
import { Delivery } from './delivery.ts';
import { RecordBatch } from './record-batch.ts';

const taken: number[] = [];
let claims = 0;
let nowMs = 0;
let delivery: Delivery | undefined;
afterEach(async () => {
  await delivery?.stop();
  taken.length = 0;
});

function deliverFrom(offset: number, whileTaking = async (): Promise<void> => {}): Delivery {
  return (delivery = new Delivery({
    partition: 0,
    handler: {
      assigned: async () => {
        claims++;
        return offset;
      },
      take: async (_, records) => {
        taken.push(...records.map((record) => record.offset));
        await whileTaking();
      },
      revoked: async () => {},
    },
    read: (batch, n): LogRecord => ({ offset: batch.offset(n), appendMs: 1, entry: { kind: 'dead', reason: '', key: null, value: null } }),
    before: undefined,
    mayTake: async () => {},
    look: { identity: async () => 'log', appendMsAt: async (at) => (at < 100 ? 1 : undefined), monotonicMs: () => nowMs },
    onWanting: () => {},
    onError: (error) => expect.unreachable(String(error)),
  }));
}

function fetched(from: number, to: number) {
  const messages = Array.from({ length: to - from }, (_, n) => ({ offset: `${from + n}`, timestamp: '1' }) as FetchedMessage);
  return { partition: 0, from, batches: [RecordBatch.of(messages)], next: to, end: to };
}

test('what the owner before had asked for, further on, leaves no gap in what is handed over', async () => {
  const begun = deliverFrom(10);
  await vi.waitFor(() => expect(begun.position).toBe(10));
  begun.push(fetched(20, 25));
  expect(begun.position).toBe(10);
  begun.push(fetched(5, 12));
  begun.push(fetched(12, 25));
  await vi.waitFor(() => expect(taken).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]));
});

test('what the owner before had asked for says nothing of the log: behind a gap it is not looked for', async () => {
  claims = 0;
  const begun = deliverFrom(10);
  await vi.waitFor(() => expect(begun.position).toBe(10));
  begun.push(fetched(100, 105));
  nowMs += 60_000;
  begun.push(fetched(10, 12));
  await vi.waitFor(() => expect(taken).toEqual([10, 11]));
  expect(claims).toBe(1);
});

test('nothing more is fetched while 4 MiB of a partition wait, however few records they are', async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const begun = deliverFrom(0, async () => await held);
  await vi.waitFor(() => expect(begun.position).toBe(0));
  begun.push(fetched(0, 1));
  await vi.waitFor(() => expect(taken).toEqual([0]));
  begun.push({ partition: 0, from: 1, batches: [RecordBatch.read(oneOf(Buffer.alloc(4 * 1024 * 1024)))], next: 2, end: 2 });
  expect(begun.position).toBeUndefined();
  release();
  await vi.waitFor(() => expect(begun.position).toBe(2));
});

/** A batch of one record at offset 1. */
function oneOf(value: Buffer) {
  const context = { magicByte: 2, firstOffset: '1', lastOffsetDelta: 0, firstTimestamp: '1', maxTimestamp: '1', timestampType: 1, isControlBatch: false };
  const bytes = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/record/v0')({ offsetDelta: 0, timestampDelta: 0, key: null, value, headers: {} }).buffer;
  return { bytes, count: 1, context };
}

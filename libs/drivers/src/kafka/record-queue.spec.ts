import { expect, test } from 'vitest';
import { RecordBatch } from './record-batch.ts';
import { RecordQueue } from './record-queue.ts';

const RECORD = Buffer.from([12, 0, 0, 0, 1, 1, 0]);
/** `count` records without key and value, of 7 bytes each. */
function batchOf(firstOffset: number, count: number): RecordBatch {
  const records = Array.from({ length: count }, (_, n) => Buffer.from(RECORD).fill(2 * n, 3, 4));
  const context = { magicByte: 2, firstOffset: String(firstOffset), lastOffsetDelta: count - 1, firstTimestamp: '1', maxTimestamp: '1', timestampType: 1, isControlBatch: false };
  return RecordBatch.read({ bytes: Buffer.concat(records), count, context });
}
const offsets = (queue: RecordQueue, max: number): number[] => queue.take(max, (batch, n) => batch.offset(n));

test('records come out in order, so many at a time, whatever the batches; those below where they were asked for don\'t', () => {
  const queue = new RecordQueue();
  queue.push([batchOf(5, 4), batchOf(9, 1)], 7);
  queue.push([batchOf(20, 3)], 20);
  expect(queue.records).toBe(6);
  expect(offsets(queue, 1)).toEqual([7]);
  expect(offsets(queue, 4)).toEqual([8, 9, 20, 21]);
  expect(offsets(queue, 4)).toEqual([22]);
  expect(offsets(queue, 4)).toEqual([]);
  expect(queue.records).toBe(0);
});

test('a batch counts with all of its bytes while any record of it waits: so long it is in memory', () => {
  const queue = new RecordQueue();
  queue.push([batchOf(0, 4), batchOf(4, 2)], 0);
  expect(queue.bytes).toBe(42);
  offsets(queue, 3);
  expect(queue.bytes).toBe(42);
  offsets(queue, 1);
  expect(queue.bytes).toBe(14);
  queue.clear();
  expect([queue.bytes, queue.records]).toEqual([0, 0]);
});

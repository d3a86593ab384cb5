import { createRequire } from 'node:module';
import type { FetchedMessage } from 'kafkajs/src/cluster/index.js';
import { afterEach, expect, test, vi } from 'vitest';
import type { LogRecord } from '#engine';
import { UnreadableBatch } from './codecs.ts';
import { Delivery } from './delivery.ts';
import { RecordBatch } from './record-batch.ts';

const taken: number[] = [];
let claims = 0;
let nowMs = 0;
let delivery: Delivery | undefined;
/** What is asked for the end of a batch that can't be read, and what is said of it. */
const searches: { readonly from: number; readonly found: PromiseWithResolvers<number> }[] = [];
const said: string[] = [];
afterEach(async () => {
  await delivery?.stop();
  const unexpected = said.splice(0);
  for (const list of [taken, searches]) list.length = 0;
  if (unexpected.length > 0) throw new Error(`nobody expected ${unexpected.join()}`);
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
    endOfUnreadable: (from) => {
      const found = Promise.withResolvers<number>();
      searches.push({ from, found });
      return found.promise;
    },
    onWanting: () => {},
    onError: (error, doing) => void said.push(`${doing}: ${String(error)}`),
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

const UNREADABLE = new UnreadableBatch('a bomb');

test('a batch that nobody can read is asked for no more while its end is looked for, and then passed over, which is said once', async () => {
  const begun = deliverFrom(3);
  await vi.waitFor(() => expect(begun.position).toBe(3));
  const over = begun.failed(3, UNREADABLE);
  // Asked for before, and come late.
  await begun.failed(3, UNREADABLE);
  expect([begun.position, searches.map(({ from }) => from)]).toEqual([undefined, [3]]);
  searches[0]?.found.resolve(7);
  await over;
  expect([begun.position, said.splice(0)]).toEqual([7, ['reading partition 0: the records from 3 to 6 are passed over: it: UnreadableBatch: a bomb']]);
});

test('what failed where a batch was passed over meanwhile is nothing against the record behind it', async () => {
  const begun = deliverFrom(3);
  await vi.waitFor(() => expect(begun.position).toBe(3));
  const over = begun.failed(3, UNREADABLE);
  searches[0]?.found.resolve(7);
  await over;
  said.length = 0;
  for (const error of [UNREADABLE, outOfRange()]) await begun.failed(3, error);
  begun.push(fetched(7, 9));
  await vi.waitFor(() => expect(taken).toEqual([7, 8]));
  expect([searches.length, begun.position]).toEqual([1, 9]);
});

test('the end of a batch that nobody can read is nothing to a claim that goes on elsewhere', async () => {
  claims = 0;
  const held = Promise.withResolvers<void>();
  const begun = deliverFrom(200, async () => await held.promise);
  await vi.waitFor(() => expect(begun.position).toBe(200));
  begun.push(fetched(200, 201));
  await vi.waitFor(() => expect(taken).toEqual([200]));
  begun.push(fetched(201, 202));
  const over = begun.failed(202, UNREADABLE);
  // A gap, behind which the log has another record there than it had.
  nowMs += 60_000;
  begun.push({ ...fetched(202, 202), batches: [] });
  held.resolve();
  await vi.waitFor(() => expect(claims).toBe(2));
  searches[0]?.found.resolve(210);
  await over;
  await vi.waitFor(() => expect(begun.position).toBe(200));
});

function outOfRange(): Error {
  return Object.assign(new Error('the offset is out of range'), { type: 'OFFSET_OUT_OF_RANGE' });
}

/** A batch of one record at offset 1. */
function oneOf(value: Buffer) {
  const context = { magicByte: 2, firstOffset: '1', lastOffsetDelta: 0, firstTimestamp: '1', maxTimestamp: '1', timestampType: 1, isControlBatch: false };
  const bytes = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/record/v0')({ offsetDelta: 0, timestampDelta: 0, key: null, value, headers: {} }).buffer;
  return { bytes, count: 1, context };
}

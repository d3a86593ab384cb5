import type { FetchedMessage } from 'kafkajs/src/cluster/index.js';
import { afterEach, expect, test, vi } from 'vitest';
import type { LogRecord } from '#engine';
import { Delivery } from './delivery.ts';

const taken: number[] = [];
let claims = 0;
let nowMs = 0;
let delivery: Delivery | undefined;
afterEach(async () => {
  await delivery?.stop();
  taken.length = 0;
});

function deliverFrom(offset: number): Delivery {
  return (delivery = new Delivery({
    partition: 0,
    handler: {
      assigned: async () => {
        claims++;
        return offset;
      },
      take: async (_, records) => void taken.push(...records.map((record) => record.offset)),
      revoked: async () => {},
    },
    decode: (message): LogRecord => ({ offset: Number(message.offset), appendMs: 1, entry: { kind: 'dead', reason: '', key: null, value: null } }),
    before: undefined,
    mayTake: async () => {},
    look: { identity: async () => 'log', appendMsAt: async (at) => (at < 100 ? 1 : undefined), monotonicMs: () => nowMs },
    onWanting: () => {},
    onError: (error) => expect.unreachable(String(error)),
  }));
}

function fetched(from: number, to: number) {
  const messages = Array.from({ length: to - from }, (_, n) => ({ offset: `${from + n}`, timestamp: '1' }) as FetchedMessage);
  return { partition: 0, from, messages, next: to, end: to };
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

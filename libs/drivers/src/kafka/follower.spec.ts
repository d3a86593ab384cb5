import type { FetchedMessage } from 'kafkajs/src/cluster/index.js';
import { expect, onTestFinished, test } from 'vitest';
import { Follower } from './follower.ts';
import type { Fetched, Link } from './link.ts';
import { RecordBatch } from './record-batch.ts';

function fetched(offset: number, end: number): Fetched {
  const batch = RecordBatch.of([{ offset: `${offset}`, timestamp: '1' } as FetchedMessage]);
  return { partition: 0, from: offset, batches: [batch], next: offset + 1, end };
}

test('whoever catches up is told what a record broke on, and nobody else of the fetch that was on its way behind it', async () => {
  const unheard: unknown[] = [];
  const hear = (reason: unknown): void => void unheard.push(reason);
  process.on('unhandledRejection', hear);
  onTestFinished(() => void process.off('unhandledRejection', hear));
  let fetches = 0;
  const reads: Pick<Link, 'bounds' | 'fetch'> = {
    bounds: async () => [{ first: 0, next: 2 }],
    fetch: async () => {
      if (fetches++ > 0) throw new Error('the broker is gone');
      return [fetched(0, 2)];
    },
  };
  const follower = new Follower({
    partitions: 1,
    reads: reads as Link,
    tail: undefined as never,
    from: ({ first }) => first,
    onRecord: () => { throw new Error('unreadable headers'); },
    onLost: (_, { first }) => first,
    onError: (error) => expect.unreachable(String(error)),
    doing: 'following',
  });
  await expect(follower.catchUp()).rejects.toThrow('unreadable headers');
  // Node looks for rejections that nobody heard of once the microtasks are done.
  await new Promise(setImmediate);
  expect([fetches, unheard]).toEqual([2, []]);
});

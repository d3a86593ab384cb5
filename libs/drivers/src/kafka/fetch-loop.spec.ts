import { expect, onTestFinished, test } from 'vitest';
import { UnreadableBatch } from './codecs.ts';
import { FetchLoop } from './fetch-loop.ts';
import type { Link } from './link.ts';

test('what can’t be read is told with the offset that was asked for, wherever the partition stands by then', async () => {
  let position = 3;
  const link: Pick<Link, 'leaders' | 'fetch' | 'rest' | 'close'> = {
    leaders: async (partitions) => new Map([['broker', partitions]]),
    fetch: async (_, { partitionBytesMax }) => {
      // Alone: meanwhile it is passed over.
      if (partitionBytesMax !== undefined) position = 7;
      throw new UnreadableBatch('a bomb');
    },
    rest: () => {},
    close: () => {},
  };
  const told = Promise.withResolvers<[number, number, unknown]>();
  const loop = new FetchLoop(link as Link, {
    positions: () => new Map(position === 3 ? [[0, position]] : []),
    isHeldBack: () => false,
    fetched: () => expect.unreachable('nothing is read'),
    failed: (...failed) => told.resolve(failed),
  });
  onTestFinished(() => loop.stop());
  expect(await told.promise).toEqual([0, 3, new UnreadableBatch('a bomb')]);
});

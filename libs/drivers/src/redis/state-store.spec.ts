import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { Connection } from './connection.ts';
import { RedisStateStore } from './state-store.ts';

const NOTHING_KEPT = [[], [], [], [], 1];

test('K1: of partitions that are claimed at once one is asked for after the other, and one that is not answered holds the next up for a moment only', async () => {
  const asked: ((reply: unknown) => void)[] = [];
  const connection = { ask: () => new Promise((answer) => asked.push(answer)) } as unknown as Connection;
  const store = new RedisStateStore(connection, { prefix: 'p:', partitions: 3 });
  const claims = [0, 1, 2].map((partition) => store.claim(partition, 'ingest'));
  await nextTurn();
  expect(asked).toHaveLength(1);
  asked[0]?.(NOTHING_KEPT);
  await claims[0];
  await nextTurn();
  expect(asked).toHaveLength(2);
  await vi.waitFor(() => expect(asked).toHaveLength(3));
  for (const answer of asked) answer(NOTHING_KEPT);
  expect((await Promise.all(claims)).map(({ epoch }) => epoch)).toEqual([1, 1, 1]);
});

test('a claim that fails holds nobody up', async () => {
  let asked = 0;
  const connection = { ask: () => (asked++ === 0 ? Promise.reject(new Error('out of reach')) : Promise.resolve(NOTHING_KEPT)) } as unknown as Connection;
  const store = new RedisStateStore(connection, { prefix: 'p:', partitions: 3 });
  const [first, second] = [store.claim(0, 'ingest'), store.claim(1, 'ingest')];
  await expect(first).rejects.toThrow('out of reach');
  expect(await second).toMatchObject({ epoch: 1 });
});

import { expect, test, vi } from 'vitest';
import type { StateUpdate } from '#engine';
import type { PartitionStateMessage } from '#wire';
import { ConsoleStateFeed } from './state-feed.ts';

function followed() {
  const feed = new ConsoleStateFeed({ partitions: 2, wake: () => {}, onError: (error) => expect.unreachable(String(error)) });
  const updates: StateUpdate[] = [];
  void feed.follow((update) => void updates.push(update));
  const tell = (partition: number, of: Partial<PartitionStateMessage> = {}): void => feed.take({ partition, age_ms: 0, more: false, ...of }, undefined);
  return { feed, updates, tell };
}
const meta = (next: number) => ({ incarnation: 1, next, clock_ms: 1, control: -1, sequence: next });

test('a console’s later word counts, though it was on its way for a shorter time than the one before (V4)', () => {
  const { updates, tell } = followed();
  tell(0, { meta: meta(1), age_ms: 5 });
  tell(0, { meta: meta(2), age_ms: 900 });
  expect(updates.map((update) => update.meta?.next)).toEqual([1, 2]);
  expect(updates[1]?.heardMonotonicMs).toBeGreaterThanOrEqual(updates[0]?.heardMonotonicMs ?? Number.NaN);
});

test('an older word of the next console changes neither meta nor age, and a newer one does', () => {
  const { feed, updates, tell } = followed();
  tell(1);
  tell(0, { meta: meta(9) });
  const heardMs = updates.at(-1)?.heardMonotonicMs;
  feed.forget();
  tell(0, { meta: meta(3), age_ms: 60_000 });
  expect(updates.at(-1)).toMatchObject({ meta: { next: 9 }, heardMonotonicMs: heardMs });
  expect([updates.length, feed.oldestMs]).toEqual([3, Infinity]);
  tell(0, { meta: meta(10) });
  expect(updates.at(-1)).toMatchObject({ meta: { next: 10 } });
});

test('a partition is told once it is whole; who follows hears that it is still so only when all are', () => {
  const { updates, tell } = followed();
  tell(0, { meta: meta(1), more: true });
  expect(updates).toEqual([]);
  tell(0, { meta: meta(1) });
  tell(0, { meta: meta(1) });
  expect(updates.map(({ partition }) => partition)).toEqual([0]);
  tell(1);
  tell(0, { meta: meta(1) });
  expect(updates.map(({ partition }) => partition)).toEqual([0, 1, 0]);
});

test('who comes later is told all that is whole at once, and refused once it is closed', async () => {
  const { feed, tell } = followed();
  tell(0, { meta: meta(1) });
  tell(1);
  const late = vi.fn<(update: StateUpdate) => void>();
  await feed.follow(late);
  expect(late.mock.calls.map(([{ partition }]) => partition)).toEqual([0, 1]);
  feed.close();
  await expect(feed.follow(() => {})).rejects.toThrow('closed');
});

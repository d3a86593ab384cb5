import { expect, test } from 'vitest';
import { prepared } from './stores.ts';

/** Stores that are prepared when the test says so. */
function stage(withinMs = 60_000) {
  const ready = Promise.withResolvers<void>();
  const did: string[] = [];
  let note: (error: unknown) => void = () => {};
  const opening = prepared((hear) => {
    note = hear;
    return { prepare: () => ready.promise, close: async () => void did.push('close') };
  }, withinMs);
  return { opening, ready, did, fail: (message: string) => note(new Error(message)) };
}

test('what goes wrong in the background once stores are ready is kept, the last of it; what went wrong before is over', async () => {
  const { opening, ready, did, fail } = stage();
  fail('not there yet');
  ready.resolve();
  const { trouble } = await opening;
  expect(trouble()).toBeUndefined();
  fail('a reply was lost');
  fail('a message was not sent');
  expect(trouble()).toEqual(new Error('a message was not sent'));
  expect(did).toEqual([]);
});

test('stores that are not ready in time are closed, and what went wrong last is said', async () => {
  const { opening, did, fail } = stage(1);
  fail('ECONNREFUSED');
  await expect(opening).rejects.toThrow('Kafka and Redis did not both answer within 0.001 s: ECONNREFUSED');
  expect(did).toEqual(['close']);
});

test('stores that refuse to get ready are closed, and why is said', async () => {
  const { opening, ready, did } = stage();
  ready.reject(new Error('topic fuseboard.outcomes has 3 partitions'));
  await expect(opening).rejects.toThrow('topic fuseboard.outcomes has 3 partitions');
  expect(did).toEqual(['close']);
});

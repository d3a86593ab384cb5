import { expect, test, vi } from 'vitest';
import { keepFollowing } from './keep-following.ts';

const ended = (): [stop: () => Promise<void>, calls: () => number] => {
  let calls = 0;
  return [async () => void calls++, () => calls];
};

test('a feed that can’t be followed is tried again, and each failure is told with the pause behind it', async () => {
  const [end, ends] = ended();
  const failures: [unknown, number][] = [];
  const failure = new Error('no store');
  let tries = 0;
  const stop = keepFollowing(
    async () => {
      if (tries++ < 2) throw failure;
      return end;
    },
    (error, waitMs) => failures.push([error, waitMs]),
  );
  await vi.waitFor(() => expect(tries).toBe(3), 10_000);
  expect(failures).toEqual([[failure, 100], [failure, 200]]);
  await stop();
  expect(ends()).toBe(1);
});

test('one that stays pending holds nobody up, and is stopped when it settles after the end', async () => {
  const [end, ends] = ended();
  const { promise, resolve } = Promise.withResolvers<() => Promise<void>>();
  const stop = keepFollowing(() => promise, () => expect.unreachable());
  await stop();
  expect(ends()).toBe(0);
  resolve(end);
  await vi.waitFor(() => expect(ends()).toBe(1));
});

test('once ended nothing is tried or told any more', async () => {
  const { promise, reject } = Promise.withResolvers<() => Promise<void>>();
  let tries = 0;
  const follow = (): Promise<() => Promise<void>> => {
    tries++;
    return promise;
  };
  const stop = keepFollowing(follow, () => expect.unreachable());
  await stop();
  reject(new Error('closed'));
  await promise.catch(() => undefined);
  await new Promise(setImmediate);
  expect(tries).toBe(1);
});

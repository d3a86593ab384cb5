import { expect, test, vi } from 'vitest';
import { keepFollowing, type Following } from './keep-following.ts';

const ended = (): [stop: () => Promise<void>, calls: () => number] => {
  let calls = 0;
  return [async () => void calls++, () => calls];
};

const following = (say: (text: string) => void): Following => ({
  what: 'the states',
  condition: { notReady: say },
  logger: { warn: (_: object, text?: string) => say(text ?? '') } as Following['logger'],
});

test('a feed that can’t be followed is tried again, and each failure is the reason for not being ready, and a line with the pause behind it', async () => {
  const [end, ends] = ended();
  const said: string[] = [];
  let tries = 0;
  const stop = keepFollowing(
    async () => {
      if (tries++ < 2) throw new Error('no store');
      return end;
    },
    following((text) => said.push(text)),
  );
  await vi.waitFor(() => expect(tries).toBe(3), 10_000);
  const reason = "the states can't be read: no store";
  expect(said).toEqual([reason, "the states can't be read; trying again in 100 ms", reason, "the states can't be read; trying again in 200 ms"]);
  await stop();
  expect(ends()).toBe(1);
});

test('one that stays pending holds nobody up, and is stopped when it settles after the end', async () => {
  const [end, ends] = ended();
  const { promise, resolve } = Promise.withResolvers<() => Promise<void>>();
  const stop = keepFollowing(() => promise, following(() => expect.unreachable()));
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
  const stop = keepFollowing(follow, following(() => expect.unreachable()));
  await stop();
  reject(new Error('closed'));
  await promise.catch(() => undefined);
  await new Promise(setImmediate);
  expect(tries).toBe(1);
});

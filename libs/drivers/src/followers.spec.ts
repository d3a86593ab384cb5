import { expect, test } from 'vitest';
import { Followers } from './followers.ts';

const followers = (parts = 2): Followers<string> => new Followers(parts, () => {}, 'telling');

test('a follower is whole once it was told every part, and news do not pass for a part that it was not told', async () => {
  const own = followers();
  const told: string[] = [];
  const following = own.add((news) => void told.push(news));
  own.tellNews('news of 0', 0);
  expect([told, own.isAwaited(0)]).toEqual([[], true]);
  own.tellAwaiting('0', 0);
  own.tellNews('news of 0', 0);
  own.tellWhole('still so', 0);
  own.tellAwaiting('1', 1);
  await following;
  own.tellWhole('still so', 0);
  expect(told).toEqual(['0', 'news of 0', '1', 'still so']);
});

test('who is not whole yet when they are closed is refused, and who comes after too', async () => {
  const own = followers();
  const following = own.add(() => {});
  own.close();
  await expect(following).rejects.toThrow('closed');
  await expect(own.add(() => {})).rejects.toThrow('closed');
});

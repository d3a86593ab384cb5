import { expect, test } from 'vitest';
import { LastMinute } from './last-minute.ts';

test('counts what came in the last minute, and forgets it after that', () => {
  const minute = new LastMinute(10);
  minute.tick(1_000);
  minute.add('a');
  minute.tick(30_000);
  minute.add('a');
  minute.add('b');
  expect(Object.fromEntries(minute.counts())).toEqual({ a: 2, b: 1 });
  minute.tick(61_000);
  expect(Object.fromEntries(minute.counts())).toEqual({ a: 1, b: 1 });
  minute.tick(600_000);
  expect(minute.counts().size).toBe(0);
});

test('counts so many names at once and no more', () => {
  const minute = new LastMinute(2);
  for (const name of ['a', 'b', 'c', 'a']) minute.add(name);
  expect(Object.fromEntries(minute.counts())).toEqual({ a: 2, b: 1 });
});

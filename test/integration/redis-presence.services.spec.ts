/** Processes in Redis: one hash, which a person can read, and which doesn't grow. */
import { expect, test } from 'vitest';
import { FORGOTTEN_AFTER_MS } from '#engine';
import { presenceHash } from '../../libs/drivers/src/redis/keys.ts';
import { INGEST, PROXY } from '../contract/presence.contract.ts';
import { redisClient, stageRedis } from '../support/redis-stage.ts';

test('a person reads who is there, since when by Redis\' clock, and what they say of themselves', async () => {
  const { presence, prefix } = stageRedis();
  const redis = redisClient();
  await presence.beat([{ heartbeat: PROXY, ageMs: 0 }]);
  const [at, ...rest] = ((await redis.hget(presenceHash(prefix), 'proxy proxy-a')) as string).split(' ');
  const [seconds] = await redis.time();
  expect(Math.abs(Number(at) / 1_000 - Number(seconds))).toBeLessThan(30);
  expect(JSON.parse(rest.join(' '))).toMatchObject({ instance: 'proxy-a', started_at: new Date(PROXY.startedMs).toISOString(), proxy: { calls: { degraded: 30 } } });
});

test('what is forgotten, or left, is dropped by whoever sweeps; what can\'t be read here is passed over, and dropped in time as well', async () => {
  const { presence, prefix } = stageRedis();
  const [redis, key] = [redisClient(), presenceHash(prefix)];
  const [seconds] = await redis.time();
  const at = (ageMs: number): number => Number(seconds) * 1_000 - ageMs;
  await presence.beat([{ heartbeat: PROXY, ageMs: FORGOTTEN_AFTER_MS + 1_000 }, { heartbeat: INGEST, ageMs: 0 }]);
  await presence.leave({ ...PROXY, instance: 'left' });
  await redis.hset(key, 'newer', `${at(0)} something else`, 'newer-and-gone', `${at(FORGOTTEN_AFTER_MS + 1_000)} x`, 'of a clock put back', `${at(-3_600_000)} {}`);
  expect((await presence.list()).map(({ heartbeat }) => heartbeat)).toEqual([INGEST]);
  await presence.sweep();
  expect((await redis.hkeys(key)).toSorted()).toEqual(['ingest ingest-1', 'newer']);
});

test('thousands are written and read at once', async () => {
  const { presence } = stageRedis();
  const many = Array.from({ length: 2_500 }, (_, index) => ({ heartbeat: { ...PROXY, instance: `proxy-${index}` }, ageMs: 0 }));
  await presence.beat(many);
  expect(new Set((await presence.list()).map(({ heartbeat }) => heartbeat.instance)).size).toBe(2_500);
});

test('a key of another type is said, and makes nobody unready', async () => {
  const stage = stageRedis();
  const { presence, prefix, reach } = stage;
  await stage.prepare();
  await redisClient().set(presenceHash(prefix), 'no hash');
  await expect(presence.beat([{ heartbeat: PROXY, ageMs: 0 }])).rejects.toThrow('WRONGTYPE');
  expect(reach).toEqual(['reached']);
});

/** A real primary with its replica and three Sentinels: fail-overs that lose the last writes, and old primaries that live on. */
import { expect, test } from 'vitest';
import { commit } from '../contract/samples.ts';
import { eventually } from '../support/eventually.ts';
import { freeze } from '../support/freeze.ts';
import { RedisFold } from '../support/redis-fold.ts';
import { hear, stageRedis } from '../support/redis-stage.ts';
import { asked } from '../support/services/redis-cli.ts';
import { PRIMARY_NAME, type RedisSentinels } from '../support/services/redis-sentinels.ts';
import type { RedisServer } from '../support/services/redis.ts';
import { ownRedisSentinels } from '../support/services/services.ts';

const promoted = (sentinels: RedisSentinels, server: RedisServer): Promise<true> =>
  eventually(async () => ((await sentinels.primary()) === server ? true : undefined), { what: 'the replica to be promoted', deadlineMs: 30_000 });

test('a fail-over that lost the last writes is written again (REGRESSED), and no proxy goes back', { timeout: 60_000 }, async (context) => {
  const sentinels = await ownRedisSentinels(context);
  const [primary, replica] = sentinels.servers as [RedisServer, RedisServer];
  const fold = await RedisFold.open(sentinels.url);
  await freeze(replica.pid as number);
  await asked(primary, 'CLIENT', 'KILL', 'TYPE', 'replica');
  await fold.trip();
  await fold.isAtEnd();
  await primary.stop('SIGKILL');
  process.kill(replica.pid as number, 'SIGCONT');
  await fold.append(5);
  await promoted(sentinels, replica);
  await fold.isAtEnd();
  await fold.endsInTheFold();
  expect(fold.answers).toContain('REGRESSED');
  expect(await fold.freshProxy()).toBe('refuse');
  await eventually(() => (fold.redis.reach.at(-1) === 'reached' ? true : undefined), { what: 'it to be said that Redis is reached' });
});

test('an old primary that answers on and on is left as the Sentinels name another, by writers and readers', { timeout: 60_000 }, async (context) => {
  const sentinels = await ownRedisSentinels(context);
  const [old, replica] = sentinels.servers as [RedisServer, RedisServer];
  const stage = stageRedis({ url: sentinels.url });
  await stage.prepare();
  expect(await stage.states.commit(commit(null, 4))).toEqual({ kind: 'OK' });
  const heard = await hear(stage.stateFeed);
  // Only for those who come anew: our connections stay, the Sentinels' are ended.
  await asked(replica, 'CONFIG', 'SET', 'masterauth', 'closed');
  await asked(old, 'CONFIG', 'SET', 'requirepass', 'closed');
  const inside = { port: old.port, password: 'closed' };
  const clients = String(await asked(inside, 'CLIENT', 'LIST')).split('\n').filter((line) => / name=sentinel-/.test(line));
  for (const line of clients) await asked(inside, 'CLIENT', 'KILL', 'ID', String(/id=(\d+)/.exec(line)?.[1]));
  await promoted(sentinels, replica);
  await eventually(async () => (String(await asked(replica, 'CLIENT', 'LIST')).match(/ name=fuseboard:(?:store|reader|subscriber):/g)?.length === 3 ? true : undefined), { what: 'all connections to lead to the new primary' });
  await eventually(async () => (await stage.states.commit(commit(4, 5))).kind === 'OK' || undefined, { what: 'a commit' });
  expect(await asked(replica, 'HGET', stage.keys.meta, 'next')).toBe('5');
  await eventually(() => (heard.last?.meta?.next === 5 ? true : undefined), { what: 'the commit to be heard' });
});

test('Sentinels that know no such primary, or cannot be reached, are named', async (context) => {
  const sentinels = await ownRedisSentinels(context);
  const unknown = stageRedis({ url: sentinels.url.replace(PRIMARY_NAME, 'other') });
  await eventually(() => (/^Sentinel at 127\.0\.0\.1:\d+ knows no primary of this name$/.test(unknown.reach.at(-1) ?? '') ? true : undefined), { what: 'the reason' });
  await expect(unknown.states.commit(commit(null, 4))).rejects.toThrow('knows no primary of this name');
  const away = stageRedis({ url: 'redis+sentinel://127.0.0.1:1/p' });
  await expect(away.states.commit(commit(null, 4))).rejects.toThrow(/^Sentinel at 127\.0\.0\.1:1: .*(?:ECONNREFUSED|closed)/);
});

test('a Sentinel\'s password is its own, and a wrong one stops the start', async (context) => {
  const sentinels = await ownRedisSentinels(context);
  for (const port of sentinels.ports) await asked({ port }, 'ACL', 'SETUSER', 'default', 'resetpass', '>canary-of-sentinel');
  const wrong = stageRedis({ url: sentinels.url, sentinelPassword: 'canary-wrong' });
  await expect(wrong.prepare()).rejects.toThrow(/FUSEBOARD_REDIS_SENTINEL_PASSWORD.*WRONGPASS/);
  const right = stageRedis({ url: sentinels.url, sentinelPassword: 'canary-of-sentinel' });
  await right.prepare();
  expect(await right.states.commit(commit(null, 4))).toEqual({ kind: 'OK' });
  expect(JSON.stringify([wrong.reach, right.reach])).not.toContain('canary');
});

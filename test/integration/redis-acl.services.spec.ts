/** The users of docs/redis.md: each app works with exactly what its line grants, and says what is missing with less. */
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { StateCache } from '#engine';
import { PROXY as HEARTBEAT } from '../contract/presence.contract.ts';
import { commit, snapshot, UPSTREAM } from '../contract/samples.ts';
import { eventually } from '../support/eventually.ts';
import { RedisFold } from '../support/redis-fold.ts';
import { redisClient, stageRedis } from '../support/redis-stage.ts';
import { readAll, troublesOf, writeAll } from '../support/redis-work.ts';
import { asked } from '../support/services/redis-cli.ts';
import { ownRedis, ownRedisCluster } from '../support/services/services.ts';

interface User {
  readonly name: string;
  /** Of keys, channels and commands. */
  readonly permissions: readonly string[];
}

const PAGE = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8').split('\n');
const USERS: readonly User[] = PAGE.filter((line) => line.startsWith('ACL SETUSER')).map((line) => {
  const [, , name = '', ...parts] = line.split(' ');
  return { name, permissions: parts.filter((part) => /^[+&~%]/.test(part)) };
});
/** What a Cluster needs beside these. */
const OF_CLUSTER = /add `(\+cluster[^`]*)`/.exec(PAGE.join(' '))?.[1]?.split(' ') ?? [];
/** Ids, where many apps write at once. */
const FEW = 100;
/** The one without which all works. */
const ONLY_A_NAME = '+client|setname';
/** Those without which a process is missing on the fleet page, and all else works. */
const FOR_PAGE: readonly string[] = ['%W~fuseboard:{processes}:*', '+hset'];
const [INGEST, PROXY, CONSOLE] = USERS as [User, User, User];

/** A user who may do that and nothing else; gives the URL. */
async function urlOf(admin: Redis, port: number, { name, permissions }: User): Promise<string> {
  await admin.acl('SETUSER', name, 'reset', 'on', '>pw', ...permissions);
  return `redis://${name}:pw@127.0.0.1:${port}`;
}

/** What a log line or the start's error must hold where this is missing. */
function named(permission: string): string {
  if (permission.startsWith('+')) return `'${permission.slice(1)}' command`;
  return `needed: ${permission.replace('%R', '')}`;
}

test('docs/redis.md has a user for each app', () => {
  expect(USERS.map(({ name }) => name)).toEqual(['fuseboard-ingest', 'fuseboard-proxy', 'fuseboard-console']);
});

describe('ingest', () => {
  const needed = INGEST.permissions.filter((each) => each !== ONLY_A_NAME);

  test('without one permission says which, whichever it is', { timeout: 60_000 }, async (context) => {
    const server = await ownRedis(context);
    const admin = redisClient(server.url);
    const withoutEach = needed.filter((each) => each !== '+eval').map(async (missing, index) => {
      const url = await urlOf(admin, server.port, { name: `ingest-${index}`, permissions: INGEST.permissions.filter((each) => each !== missing) });
      const stage = stageRedis({ url, prefix: `fuseboard:${index}:` });
      const troubles = await troublesOf(stage, () => writeAll(stage, FEW).then(() => readAll(stage)));
      // The channel's and the keys' are named by those of the stage.
      expect(troubles.replaceAll(`:${index}:*`, ':*')).toContain(missing === '&fuseboard:*' ? `'publish' command on fuseboard:${index}:` : named(missing));
    });
    await Promise.all(withoutEach);
    await admin.script('FLUSH');
    const stage = stageRedis({ url: await urlOf(admin, server.port, { name: 'no-eval', permissions: INGEST.permissions.filter((each) => each !== '+eval') }), prefix: 'fuseboard:' });
    expect(await troublesOf(stage, () => writeAll(stage, FEW))).toContain(named('+eval'));
  });

  test('works without a name for its connections', async (context) => {
    const server = await ownRedis(context);
    const stage = stageRedis({ url: await urlOf(redisClient(server.url), server.port, { name: 'ingest', permissions: needed }), prefix: 'fuseboard:' });
    expect(await troublesOf(stage, () => writeAll(stage).then(() => readAll(stage)))).toBe('');
  });

  test('that loses a permission in mid-flight writes no half of a commit, says which, and goes on from there', { timeout: 60_000 }, async (context) => {
    const server = await ownRedis(context);
    const admin = redisClient(server.url);
    const prefix = 'fuseboard:';
    const fold = await RedisFold.open(await urlOf(admin, server.port, INGEST), prefix);
    await fold.trip();
    for (const missing of ['+hset', '+hsetnx', '+rpush', '+hdel', '+del', '+lindex', '+publish', '+evalsha', '~fuseboard:*', '&fuseboard:*']) {
      await admin.acl('SETUSER', INGEST.name, 'resetkeys', 'resetchannels', '-@all', ...INGEST.permissions.filter((each) => each !== missing));
      const before = await admin.dumpBuffer(fold.redis.keys.meta);
      fold.troubles.clear();
      await fold.append(3);
      await eventually(() => (fold.troubles.size > 0 ? true : undefined), { what: `trouble without ${missing}` });
      expect([...fold.troubles].join()).toContain('NOPERM');
      expect(await admin.dumpBuffer(fold.redis.keys.meta)).toEqual(before);
      await admin.acl('SETUSER', INGEST.name, ...INGEST.permissions);
      await fold.endsInTheFold();
    }
    expect(await fold.freshProxy()).toBe('refuse');
  });
});

test.for([1, 2].map((index) => USERS[index] as User))('$name without one permission says which, and takes nothing open for closed', { timeout: 60_000 }, async ({ permissions }, context) => {
  const server = await ownRedis(context);
  const admin = redisClient(server.url);
  const open = stageRedis({ url: server.url, prefix: 'fuseboard:', partitions: 1 });
  await writeAll(open);
  await open.states.commit(commit(10, 12, { snapshots: [snapshot(UPSTREAM, 12)] }));
  const withoutEach = permissions.filter((each) => each !== ONLY_A_NAME && !FOR_PAGE.includes(each)).map(async (missing, index) => {
    const url = await urlOf(admin, server.port, { name: `proxy-${index}`, permissions: permissions.filter((each) => each !== missing) });
    const stage = stageRedis({ url, prefix: 'fuseboard:', partitions: 1 });
    const cache = new StateCache({ nowMs: () => snapshot(UPSTREAM, 12).sinceMs, monotonicMs: () => performance.now(), partitions: 1, partitionOf: () => 0, stateMaxAgeMs: 5_000 });
    void stage.stateFeed.follow((update) => cache.applyStates(update)).catch(() => undefined);
    const troubles = await troublesOf(stage, () => readAll(stage));
    expect(troubles).toContain(named(missing));
    cache.pulse();
    expect(cache.judgedLocally > 0 || cache.decide(UPSTREAM).kind !== 'admit').toBe(true);
  });
  await Promise.all(withoutEach);
});

test('a proxy or console without what the fleet page needs is missing there alone, and says what it needs', async (context) => {
  const server = await ownRedis(context);
  const admin = redisClient(server.url);
  await writeAll(stageRedis({ url: server.url, prefix: 'fuseboard:' }), FEW);
  const each = [PROXY, CONSOLE].flatMap(({ name, permissions }) => FOR_PAGE.map((missing) => ({ name: `${name}${missing.length}`, permissions: permissions.filter((one) => one !== missing), missing })));
  await Promise.all(each.map(async ({ missing, ...user }) => {
    const stage = stageRedis({ url: await urlOf(admin, server.port, user), prefix: 'fuseboard:' });
    expect(await troublesOf(stage, () => readAll(stage))).toBe('');
    await expect(stage.presence.beat([{ heartbeat: HEARTBEAT, ageMs: 0 }])).rejects.toThrow(named(missing));
    expect(stage.reach).toEqual(['reached']);
  }));
});

test('a proxy\'s user says that it is there, and writes nothing else', async (context) => {
  const server = await ownRedis(context);
  const admin = redisClient(server.url);
  const stage = stageRedis({ url: await urlOf(admin, server.port, PROXY), prefix: 'fuseboard:' });
  await stage.presence.beat([{ heartbeat: HEARTBEAT, ageMs: 0 }]);
  await stage.presence.leave(HEARTBEAT);
  const own = new Redis(await urlOf(admin, server.port, PROXY));
  await expect(own.hset(stage.keys.snapshots, 'a.test', '{}')).rejects.toThrow('NOPERM');
  own.disconnect();
  await expect(stage.states.claim(0, 'ingest')).rejects.toThrow('NOPERM');
  await expect(stage.documentStore.publish({ control: 9, identity: 'log', documents: [] })).rejects.toThrow('NOPERM');
});

test('in a Cluster the same users need what docs/redis.md adds, no more, and say so with less', { timeout: 60_000 }, async (context) => {
  const cluster = await ownRedisCluster(context);
  const login = async (name: string, permissions: readonly string[]): Promise<string> => {
    for (const node of cluster.nodes) await asked(node, 'ACL', 'SETUSER', name, 'reset', 'on', '>pw', ...permissions);
    return cluster.url.replace('//', `//${name}:pw@`);
  };
  expect(OF_CLUSTER).toEqual(['+cluster|slots', '+asking']);
  const whole = stageRedis({ url: await login('whole', [...INGEST.permissions, ...OF_CLUSTER]), prefix: 'fuseboard:' });
  expect(await troublesOf(whole, () => writeAll(whole).then(() => readAll(whole)))).toBe('');
  const less = stageRedis({ url: await login('less', INGEST.permissions), prefix: 'fuseboard:' });
  await expect(less.prepare()).rejects.toThrow(/FUSEBOARD_REDIS_URL: .* refuses us: NOPERM this user has no permissions to run the 'cluster\|slots' command/);
});

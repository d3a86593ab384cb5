/** A real Cluster: slots that move under load, nodes that fail, fail-overs that lose the last writes. */
import { describe, expect, test, type TestContext } from 'vitest';
import { partitionKeys } from '../../libs/drivers/src/redis/keys.ts';
import { commit } from '../contract/samples.ts';
import { freeze } from '../support/freeze.ts';
import { eventually } from '../support/eventually.ts';
import { RedisFold } from '../support/redis-fold.ts';
import { hear, stageRedis } from '../support/redis-stage.ts';
import { asked } from '../support/services/redis-cli.ts';
import type { RedisCluster, RedisClusterOptions } from '../support/services/redis-cluster.ts';
import type { RedisServer } from '../support/services/redis.ts';
import { ownRedis, ownRedisCluster } from '../support/services/services.ts';

/** Of `{0}`. */
const SLOT = 13_907;

async function opened(context: TestContext, options?: RedisClusterOptions): Promise<{ cluster: RedisCluster; fold: RedisFold; owner: RedisServer; other: RedisServer }> {
  const cluster = await ownRedisCluster(context, options);
  const owner = await cluster.ownerOf(SLOT);
  const other = cluster.nodes.slice(0, 3).find((node) => node !== owner) as RedisServer;
  return { cluster, fold: await RedisFold.open(cluster.url), owner, other };
}

/** Until the Cluster says which commands it sends elsewhere. */
const redirected = (node: RedisServer, kind: string): Promise<true> =>
  eventually(async () => (String(await asked(node, 'INFO', 'errorstats')).includes(`errorstat_${kind}`) ? true : undefined), { what: `${kind} from port ${node.port}` });

describe('a Cluster', () => {
  test('whose slot moves under load, key by key, ends in the fold; commits wait for as long as it takes', async (context) => {
    const { cluster, fold, owner, other } = await opened(context);
    await fold.trip();
    await cluster.beginMove(SLOT, { from: owner, to: other });
    const { prefix } = fold.redis;
    const { changes: _, ...keys } = partitionKeys(prefix, 0);
    for (const key of Object.values(keys)) {
      await fold.append(5);
      await asked(owner, 'MIGRATE', '127.0.0.1', other.port, key, 0, 5_000);
      if (key === keys.meta) await redirected(owner, 'TRYAGAIN');
    }
    await redirected(owner, 'ASK');
    await cluster.endMove(SLOT, { from: owner, to: other });
    await fold.append(5);
    await redirected(owner, 'MOVED');
    await fold.isAtEnd();
    await fold.endsInTheFold();
    expect(await asked(other, 'EXISTS', keys.meta)).toBe(1);
    expect(await asked(owner, 'KEYS', `${prefix}*`)).toEqual([]);
    expect(await fold.freshProxy()).toBe('refuse');
  });

  test('that fails over and lost the last writes is written again (REGRESSED), and no proxy goes back', { timeout: 60_000 }, async (context) => {
    const { cluster, fold, owner } = await opened(context, { replicas: 1 });
    const replica = cluster.nodes[cluster.nodes.indexOf(owner) + 3] as RedisServer;
    await freeze(replica.pid as number);
    await asked(owner, 'CLIENT', 'KILL', 'TYPE', 'replica');
    await fold.trip();
    await fold.isAtEnd();
    await owner.stop('SIGKILL');
    process.kill(replica.pid as number, 'SIGCONT');
    await fold.append(5);
    await eventually(async () => ((await cluster.ownerOf(SLOT)) === replica ? true : undefined), { what: 'the replica to be promoted', deadlineMs: 30_000 });
    await fold.isAtEnd();
    await fold.endsInTheFold();
    expect(fold.answers).toContain('REGRESSED');
    expect(await fold.freshProxy()).toBe('refuse');
    await eventually(() => (fold.redis.reach.at(-1) === 'reached' ? true : undefined), { what: 'it to be said that Redis is reached' });
  });

  test('without a node that has a partition says so for as long as it lasts, and goes on when it is back', async (context) => {
    const { fold, owner } = await opened(context, { args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    await fold.trip();
    await fold.isAtEnd();
    await owner.stop('SIGKILL');
    await fold.append(5);
    const why = `ECONNREFUSED 127.0.0.1:${owner.port}`;
    await eventually(() => ([...fold.troubles].some((trouble) => trouble.includes(why)) ? true : undefined), { what: why });
    await eventually(() => (fold.redis.reach.some((said) => said.startsWith('CLUSTERDOWN')) ? true : undefined), { what: 'CLUSTERDOWN' });
    const { length } = fold.redis.reach;
    expect(fold.redis.reach.at(-1)).not.toBe('reached');
    await owner.start();
    await fold.isAtEnd();
    await fold.endsInTheFold();
    expect(fold.redis.reach.slice(length - 1, -1)).not.toContain('reached');
  });

  test('that was emptied, node by node, under load is filled again', async (context) => {
    const { cluster, fold } = await opened(context);
    await fold.trip();
    for (const node of cluster.nodes) {
      await fold.append(5);
      await asked(node, 'FLUSHALL');
    }
    await fold.isAtEnd();
    await fold.endsInTheFold();
    expect(await fold.freshProxy()).toBe('refuse');
  });

  test('spoken to as one server, and one server spoken to as a Cluster, stop the start and say what the URL should be', async (context) => {
    const cluster = await ownRedisCluster(context);
    const server = await ownRedis(context);
    const node = stageRedis({ url: `redis://127.0.0.1:${cluster.nodes[0]?.port}`, partitions: 12 });
    await expect(node.prepare()).rejects.toThrow('is a node of a Cluster, whose URL begins with redis+cluster:// or rediss+cluster://: MOVED');
    const alone = stageRedis({ url: `redis+cluster://127.0.0.1:${server.port}` });
    await expect(alone.prepare()).rejects.toThrow('is no node of a Cluster, so its URL begins with redis:// or rediss://: ERR This instance has cluster support disabled');
  });

  test('of which one primary may drop keys is refused, by the address of that one', async (context) => {
    const cluster = await ownRedisCluster(context);
    const [, bad] = cluster.nodes as [RedisServer, RedisServer];
    await asked(bad, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await expect(stageRedis({ url: cluster.url }).prepare()).rejects.toThrow(`Redis at 127.0.0.1:${bad.port}: maxmemory-policy: found allkeys-lru; wanted: noeviction`);
  });

  test('is found from one node of those named, and knows the scripts of none of them beforehand', async (context) => {
    const cluster = await ownRedisCluster(context);
    const [first, , last] = cluster.nodes as [RedisServer, RedisServer, RedisServer];
    const stage = stageRedis({ url: `redis+cluster://127.0.0.1:1,127.0.0.1:${first.port}`, partitions: 3 });
    for (const partition of [0, 1, 2]) expect(await stage.states.commit(commit(null, 4, { partition }))).toEqual({ kind: 'OK' });
    await asked(last, 'SCRIPT', 'FLUSH');
    for (const partition of [0, 1, 2]) expect(await stage.states.commit(commit(4, 5, { partition }))).toEqual({ kind: 'OK' });
  });

  test('that is away as a whole leaves nothing waiting, and is found again, by who begins meanwhile too', async (context) => {
    const cluster = await ownRedisCluster(context);
    const stage = stageRedis({ url: cluster.url });
    const heard = await hear(stage.stateFeed);
    await Promise.all(cluster.nodes.map((node) => node.stop('SIGKILL')));
    const late = stageRedis({ url: cluster.url, prefix: stage.prefix });
    const asking = Array.from({ length: 500 }, (_, index) => (index % 2 === 0 ? stage : late).states.commit(commit(null, 4)));
    expect((await Promise.allSettled(asking)).filter(({ status }) => status === 'fulfilled')).toEqual([]);
    const preparing = late.prepare();
    await Promise.all(cluster.nodes.map((node) => node.start()));
    await preparing;
    await eventually(async () => ((await late.states.commit(commit(null, 4))).kind === 'OK' ? true : undefined), { what: 'a commit' });
    await eventually(() => (heard.last?.meta?.next === 4 ? true : undefined), { what: 'the commit to be heard' });
    await stage.close();
    await expect(stage.states.commit(commit(4, 5))).rejects.toThrow('closed');
  });
});

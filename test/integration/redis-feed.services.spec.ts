/** The feed of states where messages are lost, connections end, and the store falls back (V3, V4). */
import type { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { textAt, type StateUpdate } from '#engine';
import { encodeSnapshot } from '#wire';
import { commit, snapshot } from '../contract/samples.ts';
import { hear, redisClient, stageRedis } from '../support/redis-stage.ts';
import { ownRedis } from '../support/services/services.ts';
import { gateTo } from '../support/tcp-gate.ts';

const eventually = <T>(claim: () => T | Promise<T>): Promise<T> => vi.waitFor(claim, 10_000);

/** So long between two rounds that only a message can have brought what comes. */
const NO_ROUNDS_MS = 600_000;

test('a commit is heard by its message alone, within milliseconds', async () => {
  const stage = stageRedis({ freshnessMs: NO_ROUNDS_MS });
  const heard = await hear(stage.stateFeed);
  await stage.states.commit(commit(null, 4));
  await eventually(() => expect(heard.last?.meta?.next).toBe(4));
  const sentMs = performance.now();
  await stage.states.commit(commit(4, 6));
  await vi.waitFor(() => expect(heard.known.get('a.test')).toEqual(snapshot('a.test', 6)), { timeout: 1_000, interval: 1 });
  expect(performance.now() - sentMs).toBeLessThan(500);
});

test('a commit that is too large to be told is read, at once', async () => {
  const stage = stageRedis({ freshnessMs: NO_ROUNDS_MS });
  await stage.states.commit(commit(null, 4));
  const heard = await hear(stage.stateFeed);
  const many = Array.from({ length: 1_000 }, (_, index) => snapshot(`u${index}.test`, 5));
  await stage.states.commit(commit(4, 5, { snapshots: many }));
  await eventually(() => expect(heard.known.size).toBe(1_001));
  expect(heard.last?.meta?.next).toBe(5);
});

test('who asks for quiet states apart has those of a partition that is read as columns, but for those newer than its meta', async () => {
  const stage = stageRedis({ freshnessMs: NO_ROUNDS_MS });
  const many = Array.from({ length: 40 }, (_, index) => snapshot(`u${index}.test`, 2 * index + 1));
  await stage.states.commit(commit(null, 80, { snapshots: [...many, snapshot('open.test', 40)] }));
  const redis = redisClient();
  await redis.hset(stage.keys.snapshots, 'ahead.test', Buffer.from(encodeSnapshot(snapshot('ahead.test', 81))));
  const told: { readonly snapshots: string[]; readonly quiet: string[] }[] = [];
  const note = ({ partition, meta, snapshots, quiet }: StateUpdate): void => {
    if (partition !== 0 || meta === undefined || quiet === undefined) return;
    told.push({ snapshots: snapshots.map(({ upstream }) => upstream), quiet: Array.from({ length: quiet.size }, (_, n) => `${textAt(quiet.upstreams, n)} ${quiet.generations[n]} ${quiet.nexts[n]}`) });
  };
  onTestFinished(await stage.stateFeed.follow(note, { quietApart: true }));
  expect(told[0]?.snapshots.toSorted()).toEqual(['ahead.test', 'open.test']);
  expect(told[0]?.quiet.toSorted()).toEqual(many.map(({ upstream, generation, next }) => `${upstream} ${generation} ${next}`).toSorted());
});

test('a commit whose message is lost is found by the next round', async () => {
  const stage = stageRedis();
  await stage.states.commit(commit(null, 4));
  const heard = await hear(stage.stateFeed);
  const other = stageRedis();
  await other.states.commit(commit(null, 4));
  await other.states.commit(commit(4, 6, { snapshots: [snapshot('a.test', 6), snapshot('b.test', 5)] }));
  // What a commit writes, without its message.
  const redis = redisClient();
  for (const name of ['meta', 'snapshots'] as const) await redis.copy(other.keys[name], stage.keys[name], 'REPLACE');
  await eventually(() => expect(heard.known.get('b.test')).toEqual(snapshot('b.test', 5)));
  expect(heard.last?.meta?.next).toBe(6);
});

test('a message that follows a lost one is not taken for all that is new', async () => {
  const stage = stageRedis({ freshnessMs: NO_ROUNDS_MS });
  await stage.states.commit(commit(null, 4));
  const heard = await hear(stage.stateFeed);
  const other = stageRedis();
  await other.states.commit(commit(null, 4));
  await other.states.commit(commit(4, 6, { snapshots: [snapshot('b.test', 5)] }));
  const redis = redisClient();
  for (const name of ['meta', 'snapshots'] as const) await redis.copy(other.keys[name], stage.keys[name], 'REPLACE');
  await stage.states.commit(commit(6, 7, { snapshots: [snapshot('c.test', 7)] }));
  await eventually(() => expect([...heard.known.keys()].toSorted()).toEqual(['a.test', 'b.test', 'c.test']));
});

test('snapshots that were read while commits went on are newer than their meta: what these tell afterwards is not told again', async () => {
  const stage = stageRedis({ freshnessMs: NO_ROUNDS_MS });
  await stage.states.commit(commit(null, 6));
  // What a reader finds whose meta was read before the commits of 7 and 8, and its snapshots after them.
  const other = stageRedis();
  await other.states.commit(commit(null, 8));
  await redisClient().copy(other.keys.snapshots, stage.keys.snapshots, 'REPLACE');
  const heard = await hear(stage.stateFeed);
  expect([heard.last?.meta?.next, heard.known.get('a.test')?.next]).toEqual([6, 8]);
  const { length } = heard.updates;
  await stage.states.commit(commit(6, 7));
  await stage.states.commit(commit(7, 8));
  await stage.states.commit(commit(8, 9));
  await eventually(() => expect(heard.last?.meta?.next).toBe(9));
  const told = heard.updates.slice(length).filter(({ partition }) => partition === 0);
  expect(told.map(({ meta, snapshots }) => [meta?.next, snapshots.map(({ next }) => next)])).toEqual([[7, []], [8, [8]], [9, [9]]]);
});

test.for(['subscriber', 'reader'])('nothing is missed where the connection of the %s is ended again and again', async (role, context) => {
  const server = await ownRedis(context);
  const stage = stageRedis({ url: server.url });
  await stage.states.commit(commit(null, 1));
  const heard = await hear(stage.stateFeed);
  const redis = redisClient(server.url);
  for (let next = 2; next <= 60; next++) {
    await stage.states.commit(commit(next - 1, next, { snapshots: [snapshot(`u${next % 7}.test`, next)] }));
    if (next % 10 === 0) await redis.client('KILL', 'ID', await eventually(() => idOf(redis, `fuseboard:${role}:test`)));
  }
  await eventually(() => expect(heard.last?.meta?.next).toBe(60));
  const { snapshots } = await stage.states.claim(0, 'looking on');
  await eventually(() => expect([...heard.known.values()].toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1))).toEqual(snapshots));
  const versions = heard.updates.flatMap((update) => update.snapshots.filter(({ upstream }) => upstream === 'u1.test').map(({ next }) => next));
  expect(versions).toEqual(versions.toSorted((a, b) => a - b));
});

async function idOf(redis: Redis, name: string): Promise<number> {
  const line = String(await redis.client('LIST')).split('\n').find((each) => each.includes(` name=${name} `));
  if (line === undefined) throw new Error(`${name} is not connected`);
  return Number(/id=(\d+)/.exec(line)?.[1]);
}

test('who asks for no snapshots is told how far partitions are; who asks for them beside him misses none', async () => {
  const stage = stageRedis();
  await stage.states.commit(commit(null, 4, { snapshots: [snapshot('a.test', 4)] }));
  const updates: StateUpdate[] = [];
  onTestFinished(await stage.stateFeed.follow((update) => updates.push(update), { withoutSnapshots: true }));
  await stage.states.commit(commit(4, 5, { snapshots: [snapshot('b.test', 5)] }));
  await eventually(() => expect(updates.findLast(({ partition }) => partition === 0)?.meta?.next).toBe(5));
  expect(updates.flatMap(({ snapshots }) => snapshots)).toEqual([]);
  const committing = (async () => {
    for (let next = 6; next <= 30; next++) await stage.states.commit(commit(next - 1, next, { snapshots: [snapshot(`u${next}.test`, next)] }));
  })();
  const heard = await hear(stage.stateFeed);
  await committing;
  await eventually(() => expect(heard.last?.meta?.next).toBe(30));
  const { snapshots } = await stage.states.claim(0, 'looking on');
  expect([...heard.known.values()].toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1))).toEqual(snapshots);
});

test('a store that was emptied is told as unknown, and what is written after that is told', async (context) => {
  const server = await ownRedis(context);
  const stage = stageRedis({ url: server.url });
  await stage.states.commit(commit(null, 90, { snapshots: [snapshot('a.test', 90), snapshot('b.test', 80)] }));
  const heard = await hear(stage.stateFeed);
  await redisClient(server.url).flushall();
  await eventually(() => expect(heard.last).not.toHaveProperty('meta'));
  expect(heard.last?.snapshots).toEqual([]);
  await stage.states.commit(commit(null, 95, { rewrite: true, snapshots: [snapshot('a.test', 94)] }));
  await eventually(() => expect(heard.known.get('a.test')?.next).toBe(94));
  expect(heard.last?.meta).toMatchObject({ next: 95, sequence: 1 });
});

test('a store that fell back in time is told as it is, though its writes are counted anew', async () => {
  const stage = stageRedis();
  await stage.states.commit(commit(null, 4));
  const redis = redisClient();
  const dump = await redis.dumpBuffer(stage.keys.meta);
  await stage.states.commit(commit(4, 6));
  const heard = await hear(stage.stateFeed);
  expect(heard.last?.meta).toMatchObject({ next: 6, sequence: 2 });
  await redis.restore(stage.keys.meta, 0, dump, 'REPLACE');
  await eventually(() => expect(heard.last?.meta).toMatchObject({ next: 4, sequence: 1 }));
  // The same number of writes as before, at another offset.
  await stage.states.commit(commit(4, 7, { snapshots: [snapshot('b.test', 7)] }));
  await eventually(() => expect(heard.known.get('b.test')?.next).toBe(7));
  expect(heard.last?.meta).toMatchObject({ next: 7, sequence: 2 });
});

test('each round tells every partition that it is still so, with the store\'s time; a round that failed tells nothing', async (context) => {
  const server = await ownRedis(context);
  const stage = stageRedis({ url: server.url, partitions: 3 });
  await stage.states.commit(commit(null, 4));
  const updates: StateUpdate[] = [];
  const stop = await stage.stateFeed.follow((update) => updates.push(update));
  updates.length = 0;
  await eventually(() => expect(new Set(updates.map(({ partition }) => partition)).size).toBe(3));
  for (const { snapshots, storeTime } of updates) {
    expect(snapshots).toEqual([]);
    expect(storeTime?.askedMonotonicMs).toBeLessThanOrEqual(storeTime?.toldMonotonicMs as number);
    expect(Math.abs((storeTime?.atMs as number) - Date.now())).toBeLessThan(10_000);
  }
  await server.stop();
  await eventually(() => expect(stage.reach.at(-1)).toContain('ECONNREFUSED'));
  const { length } = updates;
  await server.start();
  expect(updates).toHaveLength(length);
  await eventually(() => expect(updates.at(-1)).not.toHaveProperty('meta'));
  await stop();
  expect(stage.errors).toEqual([]);
});

test('`follow` stays pending while Redis is out of reach, and goes on by itself', async (context) => {
  const server = await ownRedis(context);
  const seeding = stageRedis({ url: server.url });
  await seeding.states.commit(commit(null, 4));
  const gate = await gateTo(server.port);
  gate.state = 'dead';
  const stage = stageRedis({ url: `redis://127.0.0.1:${gate.port}`, prefix: seeding.prefix });
  let settled = false;
  const following = hear(stage.stateFeed).finally(() => (settled = true));
  await eventually(() => expect(stage.reach.length).toBeGreaterThan(0));
  expect(settled).toBe(false);
  gate.state = 'open';
  const heard = await following;
  expect(heard.last?.meta?.next).toBe(4);
});

test('`follow` rejects where the drivers are closed while Redis is out of reach', async (context) => {
  const server = await ownRedis(context);
  await server.stop();
  const stage = stageRedis({ url: server.url });
  const following = stage.stateFeed.follow(() => {});
  const documents = stage.documentFeed.follow(() => {});
  await Promise.all([expect(following).rejects.toThrow('closed'), expect(documents).rejects.toThrow('closed'), stage.close()]);
  await expect(stage.stateFeed.follow(() => {})).rejects.toThrow('closed');
});

test('one who begins to follow later is told all, and those before it nothing that they know', async () => {
  const stage = stageRedis();
  await stage.states.commit(commit(null, 4));
  const first = await hear(stage.stateFeed);
  const { length } = first.updates;
  const second = await hear(stage.stateFeed);
  expect(second.known.get('a.test')).toEqual(snapshot('a.test', 4));
  expect(first.updates.slice(length).flatMap(({ snapshots }) => snapshots)).toEqual([]);
});

test('a snapshot that can\'t be read is said, makes its partition go stale, and harms no other', async () => {
  const stage = stageRedis();
  await stage.states.commit(commit(null, 4));
  const redis = redisClient();
  const updates: StateUpdate[] = [];
  const stop = await stage.stateFeed.follow((update) => updates.push(update));
  await redis.hset(stage.keys.snapshots, 'a.test', '{"v":2}');
  await redis.hincrby(stage.keys.meta, 'sequence', 1);
  await eventually(() => expect(stage.errors.at(-1)).toContain('version 2 is not known here'));
  const from = updates.length;
  await eventually(() => expect(updates.length).toBeGreaterThan(from + 2));
  expect(new Set(updates.slice(from).map(({ partition }) => partition))).toEqual(new Set([1]));
  await redis.hset(stage.keys.snapshots, 'a.test', Buffer.from(JSON.stringify({})));
  await stage.states.commit(commit(4, 5, { rewrite: true }));
  await eventually(() => expect(updates.findLast(({ partition }) => partition === 0)?.meta?.next).toBe(5));
  await stop();
});

test('a message that nobody of ours sent is said, and changes nothing', async () => {
  const stage = stageRedis();
  await stage.states.commit(commit(null, 4));
  const heard = await hear(stage.stateFeed);
  await redisClient().publish(stage.keys.changes, 'hello');
  await eventually(() => expect(stage.errors.at(-1)).toContain(`reading what was told on ${stage.keys.changes}`));
  await stage.states.commit(commit(4, 5));
  await eventually(() => expect(heard.known.get('a.test')?.next).toBe(5));
});

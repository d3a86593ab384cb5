/** The state store's keys in Redis: what a commit writes, what it costs, and what it does where Redis misbehaves. */
import { expect, test } from 'vitest';
import type { Claim } from '#engine';
import { encodeSnapshot } from '#wire';
import { RedisFailure } from '../../libs/drivers/src/redis/failure.ts';
import { partitionKeys } from '../../libs/drivers/src/redis/keys.ts';
import { commit, entry, ids, snapshot } from '../contract/samples.ts';
import { redisClient, stageRedis, type RedisStage } from '../support/redis-stage.ts';
import { ownRedis } from '../support/services/services.ts';
import { gateTo } from '../support/tcp-gate.ts';

const IDS_MAX = 65_536;

/** Everything that the stage's keys hold. */
async function dumped(stage: RedisStage, url?: string): Promise<Record<string, string | null>> {
  const redis = redisClient(url);
  const keys = (await redis.keys(`${stage.prefix}*`)).toSorted();
  return Object.fromEntries(await Promise.all(keys.map(async (key) => [key, (await redis.dumpBuffer(key))?.toString('hex') ?? null] as const)));
}

const WHOLE = commit(3, 9, { snapshots: [snapshot('a.test', 8), snapshot('b.test', 9)], outbox: [entry(8)], ids: ids(3, 9) });

test.each(['meta', 'snapshots', 'ids', 'outbox', 'epochs'] as const)('a commit and a claim that meet a key :%s of another type name it, and write nothing', async (name) => {
  const stage = stageRedis();
  await stage.states.commit(commit(null, 3, { ids: ids(0, 3), outbox: [entry(2)] }));
  await stage.states.claim(0, 'ingest');
  const redis = redisClient();
  await redis.del(stage.keys[name]);
  await redis.set(stage.keys[name], 'a string');
  const before = await dumped(stage);
  for (const rewrite of [false, true]) {
    await expect(stage.states.commit({ ...WHOLE, rewrite })).rejects.toThrow(`WRONGTYPE ${stage.keys[name]} is a string, not a ${name === 'ids' ? 'list' : 'hash'}`);
  }
  await expect(stage.states.claim(0, 'ingest')).rejects.toThrow(stage.keys[name]);
  expect(await dumped(stage)).toEqual(before);
});

test('a commit that finds memory full writes nothing, and is OK when there is room again', async (context) => {
  const server = await ownRedis(context);
  const stage = stageRedis({ url: server.url });
  await stage.states.commit(commit(null, 3));
  const before = await dumped(stage, server.url);
  const redis = redisClient(server.url);
  await redis.config('SET', 'maxmemory', '1');
  for (const rewrite of [false, true]) await expect(stage.states.commit({ ...WHOLE, rewrite })).rejects.toThrow('OOM');
  expect(await dumped(stage, server.url)).toEqual(before);
  await redis.config('SET', 'maxmemory', '0');
  expect(await stage.states.commit(WHOLE)).toEqual({ kind: 'OK' });
});

test('scripts that Redis has forgotten are sent again', async (context) => {
  const server = await ownRedis(context);
  const stage = stageRedis({ url: server.url });
  const redis = redisClient(server.url);
  expect(await stage.states.commit(commit(null, 3))).toEqual({ kind: 'OK' });
  await redis.script('FLUSH');
  expect(await stage.states.commit(commit(3, 4))).toEqual({ kind: 'OK' });
  await redis.script('FLUSH');
  expect((await stage.states.claim(0, 'ingest')).meta?.next).toBe(4);
});

test('a commit whose reply was lost with the connection is ALREADY there when it is sent again', async (context) => {
  const server = await ownRedis(context);
  const gate = await gateTo(server.port);
  const stage = stageRedis({ url: `redis://127.0.0.1:${gate.port}` });
  await stage.states.commit(commit(null, 3));
  gate.state = 'deaf';
  const lost = stage.states.commit(WHOLE);
  lost.catch(() => undefined);
  const redis = redisClient(server.url);
  await expect.poll(() => redis.hget(stage.keys.meta, 'next')).toBe('9');
  gate.cut();
  gate.state = 'open';
  await expect(lost).rejects.toThrow('the connection was closed');
  await expect.poll(() => stage.states.commit(WHOLE).catch((error: Error) => error.message)).toEqual({ kind: 'ALREADY' });
  expect(await redis.hget(stage.keys.meta, 'sequence')).toBe('2');
});

test('a commit is not sent twice by itself', async (context) => {
  const server = await ownRedis(context);
  const gate = await gateTo(server.port);
  const stage = stageRedis({ url: `redis://127.0.0.1:${gate.port}` });
  await stage.states.claim(0, 'ingest');
  gate.state = 'dead';
  const lost = stage.states.claim(0, 'ingest');
  await expect(lost).rejects.toThrow('no answer within 1000 ms');
  gate.cut();
  gate.state = 'open';
  await expect.poll(async () => (await stage.states.claim(0, 'ingest').catch(() => undefined))?.epoch).toBe(2);
});

test('no key expires, and all keys of a partition have one hash tag, so one slot of a Cluster', async () => {
  const stage = stageRedis({ partitions: 3 });
  for (const partition of [0, 1, 2]) {
    await stage.states.claim(partition, 'ingest');
    await stage.states.commit(commit(null, 4, { partition, ids: ids(0, 4), outbox: [entry(3)], restoringTo: 9 }));
  }
  await stage.documentStore.publish({ control: -1, documents: [] });
  const redis = redisClient();
  const keys = (await redis.keys(`${stage.prefix}*`)).toSorted();
  expect(keys).toEqual(['0', '1', '2'].flatMap((tag) => ['epochs', 'ids', 'meta', 'outbox', 'snapshots'].map((name) => `${stage.prefix}{${tag}}:${name}`)).concat(`${stage.prefix}{documents}:meta`));
  for (const key of keys) expect(await redis.ttl(key)).toBe(-1);
  for (const partition of [0, 1, 2]) {
    const slots = Object.values(partitionKeys(stage.prefix, partition)).map(slotOf);
    expect(new Set(slots).size).toBe(1);
  }
});

/** CRC16 (XMODEM) of the hash tag, as the Cluster specification has it. */
function slotOf(key: string): number {
  const tag = /\{([^}]+)\}/.exec(key)?.[1] ?? key;
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % 16_384;
}

test('two fleets with prefixes of their own share a Redis and nothing else', async () => {
  const [one, other] = [stageRedis(), stageRedis()];
  await one.states.commit(commit(null, 4));
  expect(await other.states.claim(0, 'ingest')).toEqual({ epoch: 1, snapshots: [], ids: [], outbox: [] });
  expect(await other.states.commit(commit(null, 9))).toEqual({ kind: 'OK' });
  expect((await one.states.claim(0, 'ingest')).meta?.next).toBe(4);
});

test('a store of another number of partitions is neither claimed nor written', async () => {
  const two = stageRedis({ partitions: 2 });
  await two.states.commit(commit(null, 4));
  const three = stageRedis({ prefix: two.prefix, partitions: 3 });
  await expect(three.states.claim(0, 'ingest')).rejects.toThrow(`${two.keys.meta} was written with 2 partitions, and this process has FUSEBOARD_PARTITIONS=3`);
  await expect(three.states.commit(commit(4, 5))).rejects.toThrow('was written with 2 partitions');
  expect((await two.states.claim(0, 'ingest')).meta?.next).toBe(4);
});

test('what is left beside a lost meta is not believed, but for what is still to be published', async () => {
  const stage = stageRedis();
  await stage.states.commit(commit(null, 4, { snapshots: [snapshot('old.test', 4)], ids: ids(0, 4), outbox: [entry(3)] }));
  await redisClient().del(stage.keys.meta);
  expect(await stage.states.claim(0, 'ingest')).toEqual({ epoch: 1, snapshots: [], ids: [], outbox: [entry(3)] });
  expect(await stage.states.commit(commit(null, 2, { ids: ids(0, 2) }))).toEqual({ kind: 'OK' });
  expect(await stage.states.claim(0, 'ingest')).toMatchObject({ snapshots: [snapshot('a.test', 2)], ids: ids(0, 2) });
});

test('a person reads snapshots as JSON and meta as plain numbers', async () => {
  const stage = stageRedis();
  const shown = snapshot('shop.local', 8);
  await stage.states.commit(commit(null, 9, { snapshots: [shown], control: -1, restoringTo: 4_000_000_000_000 }));
  const redis = redisClient();
  expect(await redis.hget(stage.keys.snapshots, 'shop.local')).toBe(Buffer.from(encodeSnapshot(shown)).toString());
  expect(await redis.hgetall(stage.keys.meta)).toEqual({
    partitions: '2',
    incarnation: '1',
    next: '9',
    clock: '1790000000009',
    control: '-1',
    sequence: '1',
    ids: '0',
    commitId: '1:null-9',
    restoringTo: '4000000000000',
    v: '1',
  });
});

/** All of these at once. On a busy machine some get no answer in time, and may have been done; what Redis refuses fails the test. */
async function asked<T>(questions: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(questions);
  for (const each of settled) if (each.status === 'rejected' && !isUnanswered(each.reason)) throw each.reason;
  return settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

function isUnanswered(error: unknown): boolean {
  return error instanceof RedisFailure && error.code === undefined;
}

test('the ids of a full horizon take less than 1.5 MB, whether they came in one commit or in 65,536', { timeout: 180_000 }, async () => {
  const redis = redisClient();
  const bytesOf = ({ keys }: RedisStage) => redis.memory('USAGE', keys.ids, 'SAMPLES', 0);
  const nextOf = async ({ keys }: RedisStage) => Number(await redis.hget(keys.meta, 'next'));
  const [atOnce, oneByOne] = [stageRedis(), stageRedis()];
  while ((await nextOf(atOnce)) < IDS_MAX) await asked([atOnce.states.commit(commit(null, IDS_MAX, { ids: ids(0, IDS_MAX) }))]);
  expect(await bytesOf(atOnce)).toBeLessThan(1_500_000);
  // As an owner does (K2): it goes on from where the store is, and what is sent again is there already.
  const end = IDS_MAX + 100;
  for (let from = 0; from < end; from = await nextOf(oneByOne)) {
    const nexts = Array.from({ length: Math.min(500, end - from) }, (_, n) => from + n + 1);
    await asked(nexts.map((next) => oneByOne.states.commit(commit(next === 1 ? null : next - 1, next, { snapshots: [], ids: ids(next - 1, next) }))));
  }
  expect(await bytesOf(oneByOne)).toBeLessThan(1_500_000);
  expect(await redis.hget(oneByOne.keys.meta, 'ids')).toBe(`${IDS_MAX}`);
  let claims: Claim[] = [];
  while (claims.length === 0) claims = await asked([oneByOne.states.claim(0, 'ingest')]);
  expect(claims[0]?.ids).toEqual(ids(100, IDS_MAX + 100));
});

test('the same change makes Redis write the same bytes, to its file as to replicas, whether 100 snapshots are there or 10,000 (K5)', async (context) => {
  const server = await ownRedis(context, { args: ['--appendonly', 'yes', '--appendfsync', 'always', '--auto-aof-rewrite-percentage', '0'] });
  const redis = redisClient(server.url);
  const figure = async (section: string, field: string): Promise<number> => Number(new RegExp(`${field}:(\\d+)`).exec(await redis.info(section))?.[1]);
  const written = async (stage: RedisStage, sent: Parameters<RedisStage['states']['commit']>[0]): Promise<number> => {
    const before = await figure('persistence', 'aof_current_size');
    expect(await stage.states.commit(sent)).toEqual({ kind: 'OK' });
    return (await figure('persistence', 'aof_current_size')) - before;
  };
  // A hundred commits of a hundred snapshots in both, of the same names again or of others.
  const changing = async (existing: number): Promise<number[]> => {
    const stage = stageRedis({ url: server.url });
    const hundred = (from: number) => Array.from({ length: 100 }, (_, index) => snapshot(`u${10_000 + from + index}.test`, 100_001));
    await written(stage, commit(null, 100_000, { snapshots: [], ids: ids(0, 100) }));
    for (let index = 0; index < 100; index++) await written(stage, commit(100_000 + index, 100_001 + index, { snapshots: hundred((index * 100) % existing) }));
    expect(await redis.hlen(stage.keys.snapshots)).toBe(existing);
    const change = (next: number) => commit(next, next + 1, { snapshots: [snapshot('u10050.test', 200_001)], ids: ids(200, 201), outbox: [entry(next)] });
    return [await written(stage, change(100_100)), await written(stage, change(100_101))];
  };
  const [few, many] = [await changing(100), await changing(10_000)];
  expect(many).toEqual(few);
  expect(Math.max(...many)).toBeLessThan(2_500);
});

/** The documents in force in Redis: what is written, when it is not, and what followers hear (V2). */
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Document, DocumentFeed, DocumentSet, StateFeed } from '#engine';
import { documentKeys } from '../../libs/drivers/src/redis/keys.ts';
import { location, setting } from '../contract/samples.ts';
import { everyDocument } from '../support/plain-document.ts';
import { redisClient, stageRedis } from '../support/redis-stage.ts';
import { ownRedis } from '../support/services/services.ts';

const eventually = <T>(claim: () => T | Promise<T>): Promise<T> => vi.waitFor(claim, 10_000);
/** Of a stage. */
const PARTITIONS = 2;
const setOf = (control: number, ...documents: Document[]): DocumentSet => ({ control, identity: 'log', documents });
const [A, B, C] = [setting('a', 'a'), setting('b', 'b'), location('c', 'c.shop')];

async function hear(feed: DocumentFeed): Promise<DocumentSet[]> {
  const sets: DocumentSet[] = [];
  onTestFinished(await feed.follow((set) => sets.push(set)));
  return sets;
}

/** Settles after two whole rounds, which both feeds of a process share. */
async function rounds(feed: StateFeed): Promise<void> {
  let told = 0;
  const stop = await feed.follow(() => told++);
  const before = told;
  await eventually(() => expect(told).toBeGreaterThanOrEqual(before + 3 * PARTITIONS));
  await stop();
}

test('a person reads each document as its operator wrote it', async () => {
  const { documentStore, prefix } = stageRedis();
  await documentStore.publish(setOf(7, A, C));
  const [redis, keys] = [redisClient(), documentKeys(prefix)];
  expect(new Set(await redis.hkeys(keys.bodies))).toEqual(new Set(['Upstream/shop/c', 'UpstreamTrafficSetting/shop/a']));
  expect(JSON.parse((await redis.hget(keys.bodies, 'UpstreamTrafficSetting/shop/a')) as string)).toEqual(A.body);
  expect(await redis.hgetall(keys.meta)).toMatchObject({ control: '7', identity: 'log' });
});

test('only what differs is written, and nothing where nothing does', async (context) => {
  const server = await ownRedis(context);
  const { documentStore } = stageRedis({ url: server.url });
  const redis = redisClient(server.url);
  const calls = async (command: string): Promise<number> => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await redis.info('commandstats'))?.[1] ?? 0);
  const changed: string[] = [];
  await documentStore.publish(setOf(3, A, B));
  await redis.config('RESETSTAT');
  for (let time = 0; time < 3; time++) await documentStore.publish(setOf(3, A, B));
  expect([await calls('hset'), await calls('publish'), await calls('eval') + (await calls('evalsha'))]).toEqual([0, 0, 0]);
  const watched = await redis.monitor();
  onTestFinished(() => watched.disconnect());
  watched.on('monitor', (_time: string, [command, , ...args]: string[]) => /^(?:hset|hdel)$/i.test(command ?? '') && changed.push(args[0] ?? ''));
  await documentStore.publish(setOf(5, setting('a', 'a', 20), C));
  const pack = expect.stringMatching(/^\d+$/);
  await eventually(() => expect(changed).toEqual(['Upstream/shop/c', 'UpstreamTrafficSetting/shop/b', pack, pack, 'control']));
});

test('an older offset of the same control log replaces nothing, a newer one does', async () => {
  const [one, other] = [stageRedis(), stageRedis()];
  const behind = stageRedis({ prefix: one.prefix });
  await one.documentStore.publish(setOf(7, A));
  await behind.documentStore.publish(setOf(6, B));
  expect(await hear(one.documentFeed)).toEqual([setOf(7, A)]);
  await behind.documentStore.publish(setOf(8, A, B));
  expect(await hear(stageRedis({ prefix: one.prefix }).documentFeed)).toEqual([setOf(8, A, B)]);
  await other.documentStore.publish({ control: -1, documents: [] });
  expect(await hear(other.documentFeed)).toEqual([{ control: -1, documents: [] }]);
});

test('of many that publish at once the newest offset stays', async () => {
  const { prefix, documentFeed } = stageRedis();
  const publishers = Array.from({ length: 4 }, () => stageRedis({ prefix }).documentStore);
  const heard = hear(documentFeed);
  const publish = async (control: number): Promise<void> => {
    const set = setOf(control, setting('a', 'a', control + 1), ...(control % 2 === 0 ? [B] : []));
    // Overtaken again and again, one gives up; it is called again each second.
    await eventually(() => publishers[control % 4]?.publish(set));
  };
  await Promise.all(Array.from({ length: 40 }, (_, index) => publish((index * 7) % 40)));
  const sets = await heard;
  await eventually(() => expect(sets.at(-1)).toEqual(setOf(39, setting('a', 'a', 40))));
  const offsets = sets.map(({ control }) => control);
  expect(offsets).toEqual(offsets.toSorted((x, y) => x - y));
});

test('another control log is a new beginning, told though its offsets are lower; one without a record is none', async () => {
  const { documentStore, documentFeed } = stageRedis();
  await documentStore.publish(setOf(7, A));
  const sets = await hear(documentFeed);
  await documentStore.publish({ control: -1, documents: [] });
  await documentStore.publish({ ...setOf(2, B), identity: 'another' });
  await eventually(() => expect(sets).toEqual([setOf(7, A), { ...setOf(2, B), identity: 'another' }]));
});

test('what the store has of the same control record is taken at its word when an ingest starts, and held against the ingest’s own a little later', async () => {
  const { documentStore, prefix } = stageRedis();
  const [redis, keys] = [redisClient(), documentKeys(prefix)];
  const written = async (): Promise<unknown> => JSON.parse((await redis.hget(keys.bodies, 'UpstreamTrafficSetting/shop/b')) as string);
  await documentStore.publish(setOf(7, A, B));
  const [started, understood] = [stageRedis({ prefix }).documentStore, setting('b', 'b', 20)];
  await started.publish(setOf(7, A, understood));
  expect(await written()).toEqual(B.body);
  const later = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10_000);
  onTestFinished(() => later.mockRestore());
  await started.publish(setOf(7, A, understood));
  expect(await written()).toEqual(understood.body);
});

test('what got lost is written again by the next call, be it all, a document or the meta; followers hear nothing of it', async (context) => {
  const server = await ownRedis(context);
  const { documentStore, documentFeed, prefix } = stageRedis({ url: server.url });
  const [redis, keys] = [redisClient(server.url), documentKeys(prefix)];
  await documentStore.publish(setOf(7, A, B));
  const sets = await hear(documentFeed);
  const pack = (await redis.hkeys(keys.packs))[0] as string;
  const losses = [
    () => redis.flushall(),
    () => redis.hdel(keys.bodies, 'UpstreamTrafficSetting/shop/a'),
    () => redis.del(keys.meta),
    () => redis.del(keys.bodies),
    () => redis.hdel(keys.packs, pack),
    () => redis.hdel(keys.meta, 'packs'),
    () => redis.del(keys.packs),
  ];
  for (const lose of losses) {
    await lose();
    await documentStore.publish(setOf(7, A, B));
    expect([await redis.hlen(keys.bodies), await redis.hlen(keys.packs)]).toEqual([2, 2]);
    expect(await redis.hget(keys.meta, 'control')).toBe('7');
  }
  await documentStore.publish(setOf(8, A, B, C));
  await eventually(() => expect(sets.at(-1)?.control).toBe(8));
  expect(sets.map(({ control }) => control)).toEqual([7, 8]);
});

test('a store that knows no documents tells none, until it does', async () => {
  const { documentStore, documentFeed, stateFeed } = stageRedis();
  let told = 0;
  const following = documentFeed.follow(() => told++);
  await rounds(stateFeed);
  expect(told).toBe(0);
  await documentStore.publish({ control: -1, documents: [] });
  onTestFinished(await following);
  expect(told).toBe(1);
});

test('a store that fell back tells no older set of the same log', async () => {
  const { documentStore, documentFeed, stateFeed, prefix } = stageRedis();
  const [redis, keys] = [redisClient(), documentKeys(prefix)];
  await documentStore.publish(setOf(7, A));
  const dumps = await Promise.all([keys.meta, keys.bodies].map(async (key) => [key, await redis.dumpBuffer(key)] as const));
  await documentStore.publish(setOf(8, B));
  const sets = await hear(documentFeed);
  for (const [key, dump] of dumps) await redis.restore(key, 0, dump, 'REPLACE');
  await rounds(stateFeed);
  expect(sets).toHaveLength(1);
  await documentStore.publish(setOf(9, B, C));
  await eventually(() => expect(sets.at(-1)?.control).toBe(9));
  expect(sets.map(({ control }) => control)).toEqual([8, 9]);
});

test('a document that can\'t be read is said, and the set before it holds', async () => {
  const { documentStore, documentFeed, prefix, errors } = stageRedis();
  const [redis, keys] = [redisClient(), documentKeys(prefix)];
  await documentStore.publish(setOf(7, A));
  const sets = await hear(documentFeed);
  await redis.hset(keys.bodies, 'Upstream/shop/x', '{"kind":"Upstream"}');
  await redis.hset(keys.meta, 'digest', 'other');
  await eventually(() => expect(errors.at(-1)).toContain(`${keys.bodies} Upstream/shop/x can't be read`));
  await documentStore.publish(setOf(8, A, C));
  await eventually(() => expect(sets.at(-1)).toEqual(setOf(8, C, A)));
  expect(sets).toHaveLength(2);
});

test('what stayed as it was is not read again, and thousands come whole', async () => {
  const { documentStore, documentFeed } = stageRedis();
  const many = Array.from({ length: 5_000 }, (_, n) => setting(`p${n}`, `u${n}`));
  await documentStore.publish(setOf(7, ...many));
  const sets = await hear(documentFeed);
  await documentStore.publish(setOf(8, ...many.slice(1), setting('p0', 'u0', 20)));
  await eventually(() => expect(sets.at(-1)?.control).toBe(8));
  const [before, after] = sets.map(({ documents }) => new Set(documents));
  expect(new Set([...(before ?? [])].map(({ name }) => name))).toEqual(new Set(many.map(({ name }) => name)));
  expect([...(after ?? [])].filter((document) => !before?.has(document)).map(({ name }) => name)).toEqual(['p0']);
});

test('bodies are left out for who wants none, and there for who comes later and wants them', async () => {
  const { documentStore, documentFeed } = stageRedis();
  await documentStore.publish(setOf(7, A));
  const without: DocumentSet[] = [];
  onTestFinished(await documentFeed.follow((set) => without.push(set), { withoutBodies: true }));
  expect(without).toEqual([{ ...setOf(7), documents: [{ ...A, body: undefined }] }]);
  expect(await hear(documentFeed)).toEqual([setOf(7, A)]);
});

test('who wants no bodies reads none: the packs have all that is asked for, of thousands in a fifth of the bytes', async () => {
  const { documentStore, documentFeed, prefix } = stageRedis();
  const [redis, keys] = [redisClient(), documentKeys(prefix)];
  const many = [...Array.from({ length: 5_000 }, (_, n) => setting(`p${n}`, `u${n}`)), C];
  await documentStore.publish(setOf(7, ...many));
  const bytes = async (key: string): Promise<number> => (await redis.hvals(key)).join('').length;
  expect(await bytes(keys.packs)).toBeLessThan((await bytes(keys.bodies)) / 5);
  await redis.del(keys.bodies);
  const sets: DocumentSet[] = [];
  onTestFinished(await documentFeed.follow((set) => sets.push(set), { withoutBodies: true }));
  const byName = (set: DocumentSet): Document[] => everyDocument(set).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  expect(byName(sets[0] as DocumentSet)).toEqual(byName(setOf(7, ...many.map((document) => ({ ...document, body: undefined })))));
  const alike = (sets[0]?.alike ?? []).reduce((sum, { size }) => sum + size, 0);
  expect(alike).toBeGreaterThan(4_900);
});

test('where an older ingest wrote, who wants no bodies goes by the bodies, until the packs are of that set too', async () => {
  const { documentStore, documentFeed, prefix } = stageRedis();
  const [redis, keys] = [redisClient(), documentKeys(prefix)];
  await documentStore.publish(setOf(7, A));
  const sets: DocumentSet[] = [];
  onTestFinished(await documentFeed.follow((set) => sets.push(set), { withoutBodies: true }));
  const namesHeard = (): unknown[] => sets.map(({ control, documents }) => [control, documents.map(({ name }) => name).toSorted()]);
  await redis.hset(keys.bodies, 'UpstreamTrafficSetting/shop/b', JSON.stringify(B.body));
  await redis.hset(keys.meta, 'control', '8', 'digest', 'of an older ingest');
  await eventually(() => expect(namesHeard()).toEqual([[7, ['a']], [8, ['a', 'b']]]));
  await documentStore.publish(setOf(9, A, B, C));
  await redis.del(keys.bodies);
  await eventually(() => expect(namesHeard().at(-1)).toEqual([9, ['a', 'b', 'c']]));
  expect((await redis.hget(keys.meta, 'packs'))?.startsWith((await redis.hget(keys.meta, 'digest')) as string)).toBe(true);
});

/** Redis out of reach, hanging, loading, replaced, or not to be trusted: what is said, in what time, and that it ends. */
import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { StartError } from '#runtime';
import { commit } from '../contract/samples.ts';
import { freeze } from '../support/freeze.ts';
import { hear, redisClient, stageRedis } from '../support/redis-stage.ts';
import { ownRedis } from '../support/services/services.ts';
import { gateTo } from '../support/tcp-gate.ts';

const eventually = (claim: () => void | Promise<void>): Promise<void> => vi.waitFor(claim, 15_000);
const failure = (asked: Promise<unknown>): Promise<unknown> => asked.then(() => undefined, (error: unknown) => error);

describe('Redis out of reach', () => {
  test('is told when it stops, while it lasts, and when it is back; nothing of it goes to onError', async (context) => {
    const server = await ownRedis(context);
    const stage = stageRedis({ url: server.url });
    await stage.prepare();
    await hear(stage.stateFeed);
    await eventually(() => expect(stage.reach.at(-1)).toBe('reached'));
    await server.stop();
    await eventually(() => expect(stage.reach.at(-1)).toContain('ECONNREFUSED'));
    await expect(stage.states.claim(0, 'ingest')).rejects.toThrow('ECONNREFUSED');
    await server.start();
    await eventually(() => expect(stage.reach.at(-1)).toBe('reached'));
    expect((await stage.states.claim(0, 'ingest')).epoch).toBe(1);
    expect(stage.errors).toEqual([]);
  });

  test('holds `prepare` up, which goes on when it is there', async (context) => {
    const server = await ownRedis(context);
    await server.stop();
    const stage = stageRedis({ url: server.url });
    let prepared = false;
    const preparing = stage.prepare().then(() => (prepared = true));
    await eventually(() => expect(stage.reach.at(-1)).toContain('ECONNREFUSED'));
    expect(prepared).toBe(false);
    await server.start();
    await preparing;
  });

  test('as a server that is stopped where it stands: calls end within 2 s, and all goes on when it does', async (context) => {
    const server = await ownRedis(context);
    const stage = stageRedis({ url: server.url });
    await stage.states.commit(commit(null, 4));
    const heard = await hear(stage.stateFeed);
    await freeze(server.pid as number);
    const sentMs = performance.now();
    const again = commit(4, 6);
    expect(String(await failure(stage.states.commit(again)))).toContain('no answer within 1000 ms');
    expect(performance.now() - sentMs).toBeLessThan(2_000);
    const { length } = heard.updates;
    // Until the silent connections were given up, and others are tried.
    await vi.waitFor(() => expect(stage.reach.filter((said) => said.startsWith('Socket timeout')).length).toBeGreaterThan(0), 10_000);
    expect(heard.updates).toHaveLength(length);
    process.kill(server.pid as number, 'SIGCONT');
    await eventually(async () => expect(['OK', 'ALREADY']).toContain((await stage.states.commit(again)).kind));
    await eventually(() => expect(heard.last?.meta?.next).toBe(6));
    await eventually(() => expect(stage.reach.at(-1)).toBe('reached'));
    expect((await stage.states.claim(0, 'looking on')).meta?.sequence).toBe(2);
  });

  test('as a path that swallows everything is noticed within 5 s though nobody asks, and left for another', async (context) => {
    const server = await ownRedis(context);
    const gate = await gateTo(server.port);
    const stage = stageRedis({ url: `redis://127.0.0.1:${gate.port}`, freshnessMs: 600_000 });
    const heard = await hear(stage.stateFeed);
    await eventually(() => expect(stage.reach.at(-1)).toBe('reached'));
    const { accepted } = gate;
    gate.state = 'dead';
    await vi.waitFor(() => expect(stage.reach.at(-1)).toContain('no answer'), 5_000);
    const others = stageRedis({ url: server.url, prefix: stage.prefix });
    await others.states.commit(commit(null, 4));
    await eventually(() => expect(gate.accepted).toBeGreaterThanOrEqual(accepted + 3));
    gate.cut();
    gate.state = 'open';
    await eventually(() => expect(heard.last?.meta?.next).toBe(4));
  });

  test('leaves nothing waiting: what is asked meanwhile is rejected within 3 s, however much it is', async (context) => {
    const server = await ownRedis(context);
    await server.stop();
    const stage = stageRedis({ url: server.url });
    const sentMs = performance.now();
    const failures = await Promise.all(Array.from({ length: 2_000 }, () => failure(stage.states.commit(commit(null, 4)))));
    expect(failures.every((each) => each instanceof Error)).toBe(true);
    expect(performance.now() - sentMs).toBeLessThan(3_000);
  });

  test('closing ends within 3 s, reachable or not, and twice is fine', async (context) => {
    const server = await ownRedis(context);
    const gate = await gateTo(server.port);
    const stage = stageRedis({ url: `redis://127.0.0.1:${gate.port}`, freshnessMs: 600_000 });
    await hear(stage.stateFeed);
    gate.state = 'dead';
    const pending = failure(stage.states.claim(0, 'ingest'));
    // Begins a round, which is under way as the close comes, and must not be followed by a pause.
    void failure(stage.stateFeed.follow(() => undefined));
    await new Promise((resolve) => setImmediate(resolve));
    const sentMs = performance.now();
    await Promise.all([stage.close(), stage.close()]);
    expect(await pending).toBeInstanceOf(Error);
    expect(performance.now() - sentMs).toBeLessThan(3_000);
    await expect(stage.states.claim(0, 'ingest')).rejects.toThrow('the connection was closed');
  });
});

test('a replica refuses commits with READONLY, which ends the connection, so that a fail-over is followed', async (context) => {
  const server = await ownRedis(context);
  const stage = stageRedis({ url: server.url });
  await stage.states.commit(commit(null, 4));
  const redis = redisClient(server.url);
  const named = async (): Promise<string> => String(await redis.client('LIST')).split('\n').find((line) => line.includes('fuseboard:store')) ?? '';
  const before = /id=\d+/.exec(await named())?.[0];
  // Of nobody: it keeps what it has.
  await redis.replicaof('127.0.0.1', 1);
  await expect(stage.states.commit(commit(4, 5))).rejects.toThrow('READONLY');
  await eventually(async () => expect(/id=\d+/.exec(await named())?.[0]).not.toBe(before));
  expect(stage.reach.at(-1)).toContain('READONLY');
  await redis.replicaof('NO', 'ONE');
  await eventually(async () => expect(await stage.states.commit(commit(4, 5))).toEqual({ kind: 'OK' }));
  await eventually(() => expect(stage.reach.at(-1)).toBe('reached'));
});

describe('`prepare`', () => {
  test.for(['allkeys-lru', 'allkeys-lfu', 'allkeys-random'])('refuses a Redis that drops keys when memory is full: %s', async (policy, context) => {
    const server = await ownRedis(context, { args: ['--maxmemory-policy', policy] });
    const refused = await failure(stageRedis({ url: server.url }).prepare());
    expect(refused).toBeInstanceOf(StartError);
    expect(String(refused)).toContain(`Redis at 127.0.0.1:${server.port}: maxmemory-policy: found ${policy}; wanted: noeviction`);
  });

  test.for(['noeviction', 'volatile-lru', 'volatile-ttl'])('takes a Redis that drops no key without an expiry: %s', async (policy, context) => {
    const server = await ownRedis(context, { args: ['--maxmemory-policy', policy] });
    await expect(stageRedis({ url: server.url }).prepare()).resolves.toBeUndefined();
  });

  test('refuses a store that was written with another number of partitions', async () => {
    const two = stageRedis({ partitions: 2 });
    await two.states.commit(commit(null, 4, { partition: 1 }));
    const refused = await failure(stageRedis({ prefix: two.prefix, partitions: 12 }).prepare());
    expect(refused).toBeInstanceOf(StartError);
    expect(String(refused)).toContain(`${two.prefix}{1}:meta was written with 2 partitions, and this process has FUSEBOARD_PARTITIONS=12; wanted: the same`);
  });

  test.for([
    { what: 'a wrong password', login: ':not-the-password@', says: 'WRONGPASS' },
    { what: 'no password', login: '', says: 'NOAUTH' },
    { what: 'a user who may nothing', login: 'nobody:of-nobody@', says: 'NOPERM' },
  ])('refuses $what in plain words, and tells no password', async ({ login, says }, context) => {
    const server = await ownRedis(context);
    const admin = redisClient(server.url);
    await admin.acl('SETUSER', 'nobody', 'on', '>of-nobody', '+ping');
    await admin.config('SET', 'requirepass', 'the-password');
    const stage = stageRedis({ url: `redis://${login}127.0.0.1:${server.port}` });
    const refused = await failure(stage.prepare());
    expect(refused).toBeInstanceOf(StartError);
    expect(String(refused)).toContain(`Redis at 127.0.0.1:${server.port} refuses us: ${says}`);
    await failure(stage.states.claim(0, 'ingest'));
    expect(inspect([refused, stage.reach, stage.errors, await failure(stage.states.commit(commit(null, 4)))], { depth: 9, showHidden: true })).not.toMatch(/not-the-password|of-nobody/);
  });

  test('a password that is put right while we run is enough', async (context) => {
    const server = await ownRedis(context);
    const redis = redisClient(server.url);
    await redis.acl('SETUSER', 'ingest', 'on', '>first', '~*', '&*', '+@all');
    const stage = stageRedis({ url: `redis://ingest:first@127.0.0.1:${server.port}` });
    await stage.prepare();
    await redis.acl('SETUSER', 'ingest', 'resetpass', '>other');
    await redis.client('KILL', 'USER', 'ingest');
    await eventually(() => expect(stage.reach.at(-1)).toContain('WRONGPASS'));
    await redis.acl('SETUSER', 'ingest', '>first');
    await eventually(() => expect(stage.reach.at(-1)).toBe('reached'));
  });
});

test('connections tell who they are', async (context) => {
  const server = await ownRedis(context);
  const stage = stageRedis({ url: server.url });
  await hear(stage.stateFeed);
  const list = String(await redisClient(server.url).client('LIST'));
  const names = [...list.matchAll(/ name=(fuseboard\S*)/g)].map(([, name]) => String(name)).toSorted((a, b) => (a < b ? -1 : 1));
  expect(names).toEqual(['fuseboard:reader:test', 'fuseboard:store:test', 'fuseboard:subscriber:test']);
});

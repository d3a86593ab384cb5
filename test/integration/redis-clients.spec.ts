/** Every client of Redis that a process makes, and the limits that it has; ioredis has none by itself. */
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Cluster, Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseRedisUrl, type RedisPlace } from '#runtime';
import { openClient, type ClientRole } from '../../libs/drivers/src/redis/client.ts';
import { projectRoot } from '../support/project-root.ts';

const URLS = ['redis://127.0.0.1:1', 'redis+sentinel://127.0.0.1:1/p', 'redis+cluster://127.0.0.1:1'];
const ROLES: readonly ClientRole[] = ['store', 'reader', 'subscriber'];
const EVERY = URLS.flatMap((url) => ROLES.map((role) => [url, role] as const));

/** Of each connection to a server, those of a Cluster's nodes included. */
const LIMITS = {
  connectTimeout: 2_000,
  commandTimeout: 1_000,
  socketTimeout: 3_000,
  disconnectTimeout: 500,
  keepAlive: 10_000,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
};

function opened(url: string, role: ClientRole): Redis | Cluster {
  const place = parseRedisUrl(url);
  if (place === undefined) throw new Error(`${url} is no URL of a Redis`);
  const client = openClient({ place, role, name: 'test', secureContext: undefined, sentinelLogin: undefined });
  client.on('error', () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}

describe.each(EVERY)('the client of %s that is a %s', (url, role) => {
  it('answers in time, notices silence, repeats nothing by itself, leaves a replica, and tries again with a pause', () => {
    const client = opened(url, role);
    const options = (client instanceof Cluster ? client.options.redisOptions : client.options) as Redis['options'];
    expect(options).toMatchObject(LIMITS);
    expect(options.reconnectOnError?.(new Error('READONLY You can\'t write against a read only replica.'))).toBe(true);
    const again = client instanceof Cluster ? client.options.clusterRetryStrategy : client.options.retryStrategy;
    for (const times of [1, 5, 1_000]) {
      expect(again?.(times)).toBeGreaterThan(20);
      expect(again?.(times)).toBeLessThanOrEqual(1_000);
    }
  });
});

it.each(EVERY.filter(([url, role]) => !url.includes('cluster') || role === 'subscriber'))('the client of %s that is a %s has no queue of its own', (url, role) => {
  expect(opened(url, role).options).toMatchObject({ enableOfflineQueue: false });
});

it.each(['store', 'reader'] as const)('the %s of a Cluster follows a few redirections, resends nothing that may have been done, and refuses without connection', async (role) => {
  const client = opened('redis+cluster://127.0.0.1:1', role) as Cluster;
  expect(client.options).toMatchObject({ maxRedirections: 5, retryDelayOnFailover: 0, retryDelayOnClusterDown: 0, slotsRefreshTimeout: 1_000, slotsRefreshInterval: 30_000, scaleReads: 'master' });
  await expect(client.get('a')).rejects.toThrow('Connection is closed.');
});

it('by Sentinels the role of the server is asked for, Sentinels answer in time, and one client listens for a new primary', () => {
  const limits = { role: 'master', enableReadyCheck: true, sentinelCommandTimeout: 1_000, sentinelMaxConnections: 3 };
  const detects = ROLES.map((role) => {
    const { options } = opened('redis+sentinel://127.0.0.1:1/p', role) as Redis;
    expect(options).toMatchObject(limits);
    return options.failoverDetector;
  });
  expect(detects).toEqual([true, false, false]);
});

it('there are no other clients: they are made in one file', () => {
  const root = projectRoot();
  const sources = globSync('{apps,libs}/**/*.ts', { cwd: root }).filter((path) => !path.endsWith('.spec.ts'));
  const texts = sources.map((path) => [path, readFileSync(join(root, path), 'utf8')] as const).filter(([, text]) => text.includes("from 'ioredis'"));
  const makers = texts.filter(([, text]) => /\bnew (?:Redis|Cluster|BoundedCluster)\(/.test(text)).map(([path]) => path);
  expect(texts.length).toBeGreaterThan(1);
  expect(makers).toEqual(['libs/drivers/src/redis/client.ts']);
});

/** As ioredis makes them by itself, for Sentinels and for a Cluster's nodes. */
const byItself = (place: RedisPlace): Redis => new Redis((place as RedisPlace & { kind: 'single' }).address);
const ours = (place: RedisPlace): Redis => openClient({ place, secureContext: undefined, sentinelLogin: undefined, role: 'store', name: 'test' }) as Redis;

it.each([['ours', ours], ['of a client that ioredis makes', byItself]])('a second error of one socket, as TLS may have, ends nothing: %s', async (_, open) => {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const place = parseRedisUrl(`redis://127.0.0.1:${(server.address() as AddressInfo).port}`) as RedisPlace;
  const redis = open(place);
  onTestFinished(() => redis.disconnect());
  redis.on('error', () => undefined);
  await once(redis, 'connect');
  const { stream } = redis;
  expect(() => [1, 2].forEach((n) => stream.emit('error', new Error(`error ${n}`)))).not.toThrow();
});

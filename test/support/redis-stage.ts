/** The Redis driver on a real Redis, for one test. */
import { Cluster, Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import type { Snapshot, StateFeed, StateUpdate } from '#engine';
import { parseRedisUrl, Secret, type RedisConfig } from '#runtime';
import { partitionKeys, type PartitionKeys } from '../../libs/drivers/src/redis/keys.ts';
import { openRedis, type OpenRedis } from '../../libs/drivers/src/redis/redis.ts';
import { services, uniquePrefix } from './services/services.ts';

export interface RedisStageOptions {
  /** Default: this run's Redis. */
  readonly url?: string;
  /** Default: one of its own. */
  readonly prefix?: string;
  /** Default: 2. */
  readonly partitions?: number;
  /** ms; default 50, so that what only rounds bring comes soon. */
  readonly freshnessMs?: number;
  readonly tls?: NonNullable<RedisConfig['redisTls']>;
  readonly sentinelPassword?: string;
}

export interface RedisStage extends OpenRedis {
  readonly prefix: string;
  /** Of partition 0. */
  readonly keys: PartitionKeys;
  /** `reached`, or why it wasn't, without what is said again. */
  readonly reach: string[];
  readonly errors: string[];
}

/** Opened and not yet prepared; closed at the test's end. */
export function stageRedis({ url = services().redisUrl, prefix = `${uniquePrefix()}:`, partitions = 2, freshnessMs = 50, tls, sentinelPassword }: RedisStageOptions = {}): RedisStage {
  const reach: string[] = [];
  const say = (what: string): void => void (reach.at(-1) === what || reach.push(what));
  const errors: string[] = [];
  const opened = openRedis({
    redisUrl: new Secret(url),
    ...(tls && { redisTls: tls }),
    ...(sentinelPassword && { redisSentinel: { password: new Secret(sentinelPassword) } }),
    prefix,
    partitions,
    freshnessMs,
    instance: 'test',
    reach: { failed: (error) => say((error as Error).message), reached: () => say('reached') },
    onError: (error, doing) => void errors.push(`${doing}: ${(error as Error).message}`),
  });
  onTestFinished(() => opened.close());
  return { ...opened, prefix, keys: partitionKeys(prefix, 0), reach, errors };
}

/** A stranger's client, as `redis-cli` would be; ended at the test's end. */
export function redisClient(url = services().redisUrl): Redis {
  const redis = strangerTo(url);
  onTestFinished(() => redis.disconnect());
  return redis;
}

/** Wherever that is; to be disconnected by who asks for it. Of a Cluster, what all kinds can be asked. */
export function strangerTo(url: string): Redis {
  const place = parseRedisUrl(url);
  if (place === undefined) throw new Error(`${url} is no URL of a Redis`);
  const redis = clientFor(place, url);
  redis.on('error', () => undefined);
  return redis;
}

function clientFor(place: NonNullable<ReturnType<typeof parseRedisUrl>>, url: string): Redis {
  if (place.kind === 'single') return new Redis(url);
  const nodes = place.addresses.map((address) => ({ ...address }));
  if (place.kind === 'sentinel') return new Redis({ sentinels: nodes, name: place.primary });
  return new Cluster(nodes) as unknown as Redis;
}

/** What a follower of partition 0 was told, and would believe. */
export interface Heard {
  readonly updates: StateUpdate[];
  /** The last update; undefined: none yet. */
  readonly last: StateUpdate | undefined;
  readonly known: ReadonlyMap<string, Snapshot>;
}

/** Stopped at the test's end. */
export async function hear(feed: StateFeed): Promise<Heard> {
  const updates: StateUpdate[] = [];
  const known = new Map<string, Snapshot>();
  const stop = await feed.follow((update) => {
    if (update.partition !== 0) return;
    updates.push(update);
    for (const snapshot of update.snapshots) known.set(snapshot.upstream, snapshot);
  });
  onTestFinished(stop);
  return {
    updates,
    known,
    get last() {
      return updates.at(-1);
    },
  };
}

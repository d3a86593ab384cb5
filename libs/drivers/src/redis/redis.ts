/** The fleet's state and documents in Redis. This folder is the only place that knows ioredis. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DocumentFeed, Presence, StateFeed, StateReader, StateStore } from '#engine';
import { parseRedisUrl, StartError, type RedisConfig } from '#runtime';
import type { OnError, Reach } from '../drivers.ts';
import type { ClientOptions, ClientRole } from './client.ts';
import { Connection } from './connection.ts';
import { RedisDocumentFeed } from './document-feed.ts';
import { RedisDocumentStore } from './document-store.ts';
import { RedisFailure } from './failure.ts';
import { FeedHub } from './feed-hub.ts';
import { RedisPresence } from './presence.ts';
import { Reachability } from './reachability.ts';
import { checkKeeps, checkServer } from './server-check.ts';
import { RedisStateFeed } from './state-feed.ts';
import { RedisStateStore } from './state-store.ts';
import { secureContextOf } from './tls.ts';

/** V3: each second, unless told otherwise. */
const FRESHNESS_MS = 1_000;
/** Between two tries to prepare, ms. */
const PREPARE_AGAIN_AFTER_MS = 250;
/** Between two looks at settings that a start depends on, ms: a fail-over or a person may have changed them. */
const CHECKED_EACH_MS = 60_000;

export interface RedisOptions extends RedisConfig {
  /** Of every key and channel. */
  readonly prefix: string;
  /** Of the outcomes log. */
  readonly partitions: number;
  /** This process, as `CLIENT LIST` shall show it; letters, digits and `. _ -`. */
  readonly instance: string;
  readonly reach: Reach;
  /** What went wrong in the background and is tried again, other than Redis being out of reach. */
  readonly onError: OnError;
  /** V3: how often states are compared with the store, ms; default 1,000. */
  readonly freshnessMs?: number;
}

export interface OpenRedis {
  readonly states: StateStore & StateReader;
  /** `follow` of both feeds stays pending for as long as Redis is out of reach, and rejects at `close`. */
  readonly stateFeed: StateFeed;
  readonly documentFeed: DocumentFeed;
  readonly documentStore: RedisDocumentStore;
  readonly presence: Presence;
  /**
   * Makes sure that this Redis keeps what it is given; tries for as long as it is out of reach.
   * @throws {StartError} its version, `maxmemory-policy`, number of partitions or our permission is not as it must be
   */
  prepare(): Promise<void>;
  /** Ends all connections. What is on its way is rejected. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Connects in the background. Says nothing but to `reach` and `onError`.
 * @throws {StartError} a certificate can't be used
 */
export function openRedis(options: RedisOptions): OpenRedis {
  const { prefix, partitions, onError, freshnessMs = FRESHNESS_MS } = options;
  const reachability = new Reachability(explaining(options.reach, prefix));
  const client = clientsOf(options);
  let isPrepared = false;
  const onReady = (): void => {
    if (!isPrepared) return;
    // The others follow to the new primary, of which the Sentinels tell this one alone; what it keeps is not known yet.
    if (client('store').place.kind === 'sentinel') hub.renew();
    void checkAgain();
  };
  const connection = new Connection({ ...client('store'), reach: reachability.link(), onReady });
  const stateFeed = new RedisStateFeed({ prefix, partitions }, () => hub.wake(), onError);
  const documentFeed = new RedisDocumentFeed(prefix, () => hub.wake(), onError);
  const hub = new FeedHub({ client, reachability, freshnessMs, onError }, [stateFeed, documentFeed]);
  const checkAgain = async (): Promise<void> => {
    try {
      await checkKeeps(connection);
    } catch (error) {
      if (!(error instanceof RedisFailure)) onError(error, 'looking whether Redis keeps what it is given');
    }
  };
  const checking = setInterval(() => void checkAgain(), CHECKED_EACH_MS).unref();
  let closing: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    clearInterval(checking);
    stateFeed.close();
    documentFeed.close();
    await Promise.all([hub.close(), connection.close()]);
  };
  const prepare = async (): Promise<void> => {
    for (;;) {
      try {
        await checkServer(connection, { prefix, partitions });
        isPrepared = true;
        return;
      } catch (error) {
        if (!(error instanceof RedisFailure) || closing !== undefined) throw error;
        const refusal = refusalOf(error);
        if (refusal !== undefined) throw new StartError(`${variableOf(error)}: Redis at ${connection.address} ${refusal}: ${explained(error, prefix).message}`);
        await sleep(PREPARE_AGAIN_AFTER_MS);
      }
    }
  };
  return {
    states: new RedisStateStore(connection, { prefix, partitions }),
    stateFeed,
    documentFeed,
    documentStore: new RedisDocumentStore(connection, prefix),
    presence: new RedisPresence(connection, prefix),
    prepare,
    close: () => (closing ??= end()),
  };
}

/** One for each role, of the same place. */
function clientsOf({ redisUrl, redisTls, redisSentinel, instance }: RedisOptions): (role: ClientRole) => ClientOptions {
  const place = parseRedisUrl(redisUrl.reveal());
  if (place === undefined) throw new StartError('FUSEBOARD_REDIS_URL: found what is no such URL (it is secret, and not shown)');
  const secureContext = place.isTls ? secureContextOf(redisTls) : undefined;
  return (role) => ({ place, secureContext, sentinelLogin: redisSentinel, role, name: `fuseboard:${role}:${instance}` });
}

/** What is put right by a person alone, and not while we wait. */
function refusalOf({ code, message }: RedisFailure): string | undefined {
  if (code === 'WRONGPASS' || code === 'NOAUTH' || code === 'NOPERM') return 'refuses us';
  if (code === 'MOVED') return 'is a node of a Cluster, whose URL begins with redis+cluster:// or rediss+cluster://';
  return message.includes('cluster support disabled') ? 'is no node of a Cluster, so its URL begins with redis:// or rediss://' : undefined;
}

function variableOf({ message }: RedisFailure): string {
  return message.startsWith('Sentinel') ? 'FUSEBOARD_REDIS_SENTINEL_PASSWORD' : 'FUSEBOARD_REDIS_URL';
}

function explaining(reach: Reach, prefix: string): Reach {
  return { failed: (error) => reach.failed(error instanceof RedisFailure ? explained(error, prefix) : error), reached: () => reach.reached() };
}

/** Redis says that it is a key or a channel, and not which. */
function explained(failure: RedisFailure, prefix: string): RedisFailure {
  const { code, message } = failure;
  if (code !== 'NOPERM' || !/ (?:keys|channels) used as arguments| a (?:key|channel)\b/.test(message)) return failure;
  return new RedisFailure(`${message}; needed: ${/channel/.test(message) ? '&' : '~'}${prefix}*`, code);
}

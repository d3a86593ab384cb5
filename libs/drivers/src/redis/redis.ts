/** The fleet's state and documents in Redis. This folder is the only place that knows ioredis. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DocumentFeed, StateFeed, StateReader, StateStore } from '#engine';
import { StartError, type Secret } from '#runtime';
import type { OnError, Reach } from '../drivers.ts';
import { Connection, RedisFailure } from './connection.ts';
import { RedisDocumentFeed } from './document-feed.ts';
import { RedisDocumentStore } from './document-store.ts';
import { FeedHub } from './feed-hub.ts';
import { Reachability } from './reachability.ts';
import { checkServer } from './server-check.ts';
import { RedisStateFeed } from './state-feed.ts';
import { RedisStateStore } from './state-store.ts';

/** V3: each second, unless told otherwise. */
const FRESHNESS_MS = 1_000;
/** Between two tries to prepare, ms. */
const PREPARE_AGAIN_AFTER_MS = 250;
/** Put right by a person alone, and not while we wait. */
const REFUSALS = new Set(['WRONGPASS', 'NOAUTH', 'NOPERM']);

export interface RedisOptions {
  readonly url: Secret;
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
  /**
   * Makes sure that this Redis keeps what it is given; tries for as long as it is out of reach.
   * @throws {StartError} its version, `maxmemory-policy`, number of partitions or our permission is not as it must be
   */
  prepare(): Promise<void>;
  /** Ends all connections. What is on its way is rejected. Safe to call twice. */
  close(): Promise<void>;
}

/** Connects in the background. Says nothing but to `reach` and `onError`. */
export function openRedis(options: RedisOptions): OpenRedis {
  const { url, prefix, partitions, instance, onError, freshnessMs = FRESHNESS_MS } = options;
  const reachability = new Reachability(options.reach);
  const name = (role: string): string => `fuseboard:${role}:${instance}`;
  const connection = new Connection({ url, name: name('store'), reach: reachability.link() });
  const stateFeed = new RedisStateFeed({ prefix, partitions }, () => hub.wake(), onError);
  const documentFeed = new RedisDocumentFeed(prefix, () => hub.wake(), onError);
  const names = { reader: name('reader'), subscriber: name('subscriber') };
  const hub = new FeedHub({ url, names, reachability, freshnessMs, onError }, [stateFeed, documentFeed]);
  let closing: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    stateFeed.close();
    documentFeed.close();
    await Promise.all([hub.close(), connection.close()]);
  };
  const prepare = async (): Promise<void> => {
    for (;;) {
      try {
        return await checkServer(connection, { prefix, partitions });
      } catch (error) {
        if (!(error instanceof RedisFailure) || closing !== undefined) throw error;
        if (REFUSALS.has(error.code ?? '')) throw new StartError(`FUSEBOARD_REDIS_URL: Redis at ${connection.address} refuses us: ${error.message}`);
        await sleep(PREPARE_AGAIN_AFTER_MS);
      }
    }
  };
  return {
    states: new RedisStateStore(connection, { prefix, partitions }),
    stateFeed,
    documentFeed,
    documentStore: new RedisDocumentStore(connection, prefix),
    prepare,
    close: () => (closing ??= end()),
  };
}

/** How far the store says that each partition is folded, and how long it takes to get there. */
import { Redis } from 'ioredis';
import { eventually } from '../support/eventually.ts';
import type { Ledger, Place } from './ledger.ts';
import { PARTITIONS, STEADY } from './upstreams.ts';

const DEADLINE_MS = 120_000;

export class Positions {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(redisUrl: string, prefix: string) {
    this.#prefix = prefix;
    this.#redis = new Redis(redisUrl, { maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: 1_000, retryStrategy: () => 100 });
    this.#redis.on('error', () => undefined);
  }

  /** By partition; NaN: the store has nothing of it. @throws Error where Redis doesn't answer */
  async next(): Promise<number[]> {
    const asked = Array.from({ length: PARTITIONS }, (_, partition) => this.#redis.hget(`${this.#prefix}:{${partition}}:meta`, 'next'));
    return (await Promise.all(asked)).map((next) => (next === null ? Number.NaN : Number(next)));
  }

  async passed(places: readonly Place[], deadlineMs = DEADLINE_MS): Promise<void> {
    await eventually(async () => {
      const next = await this.next();
      return places.every(({ partition, offset }) => (next[partition] as number) > offset) || undefined;
    }, { what: `the store to be past ${places.map(({ partition, offset }) => `${partition}/${offset}`).join(', ')}`, deadlineMs, everyMs: 10 });
  }

  /** An outcome to each partition, now; gives the seconds until all are in the store, from `sinceMs` (`performance`) on. */
  async handOver(ledger: Ledger, sinceMs = performance.now()): Promise<number> {
    await this.passed(await ledger.send(STEADY.map((upstream) => ({ upstream, status: 200 }))));
    return (performance.now() - sinceMs) / 1_000;
  }

  close(): void {
    this.#redis.disconnect();
  }
}

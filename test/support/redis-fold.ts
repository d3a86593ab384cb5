/**
 * An owner, as ingest is one, and a proxy's states, on a real Redis and an embedded log: what a test does to that Redis
 * must end in the fold of the log, and no upstream that is open may look closed on the way.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { onTestFinished } from 'vitest';
import { StateCache, type Claim, type Pump, type StateFeed } from '#engine';
import { eventually } from './eventually.ts';
import { PumpStage, Switch } from './pump-stage.ts';
import { stageRedis, type RedisStage } from './redis-stage.ts';

const UPSTREAM = 'shop.local';
const AGAIN_AFTER_MS = 10;
const BATCH_MAX = 5;
const STATE_MAX_AGE_MS = 5_000;
/** Far beyond what a fail-over takes, ms. */
const SETTLES_WITHIN_MS = 60_000;
const TRIPS_AT = 5;

export class RedisFold {
  readonly redis: RedisStage;
  /** What the owner's commits were answered. */
  readonly answers: readonly string[];
  /** Why the owner had to try again; each reason once. */
  readonly troubles = new Set<string>();
  readonly #logs = new PumpStage();
  readonly #pump: Pump;
  readonly #cache: StateCache;
  #isEnding = false;
  #wasOpen = false;
  #looksClosed: Error | undefined;

  private constructor(redis: RedisStage) {
    this.redis = redis;
    const store = new Switch(redis.states);
    this.answers = store.answers;
    this.#pump = this.#logs.pumpOn({ states: store });
    this.#cache = this.#newCache();
  }

  /** With a policy in force, and closed with it at the test's end. */
  static async open(url?: string, prefix?: string): Promise<RedisFold> {
    const redis = stageRedis({ partitions: 1, ...(url === undefined ? {} : { url }), ...(prefix === undefined ? {} : { prefix }) });
    await redis.prepare();
    const fold = new RedisFold(redis);
    onTestFinished(() => fold.#logs.close());
    await fold.#logs.apply({ errorAmountThreshold: TRIPS_AT, statTimeWindow: '10m', degradedTimeWindow: '1h' });
    await fold.#logs.append([200]);
    const owning = fold.#own();
    const looking = fold.#look();
    onTestFinished(async () => {
      fold.#isEnding = true;
      await Promise.all([owning, looking]);
    });
    const listen = (feed: StateFeed): Promise<() => Promise<void>> =>
      feed.follow((update) => {
        fold.#cache.applyStates(update);
        void fold.#pump.heard(update);
      });
    onTestFinished(await listen(redis.stateFeed));
    await fold.isAtEnd();
    return fold;
  }

  /** Calls that succeeded, one record each. */
  async append(calls: number): Promise<void> {
    await this.#logs.append(Array.from({ length: calls }, () => 200));
  }

  /** Opens the upstream for an hour, and waits until the proxy refuses. */
  async trip(): Promise<void> {
    await this.#logs.append(Array.from({ length: TRIPS_AT }, () => 500));
    await eventually(() => (this.#cache.decide(UPSTREAM).kind === 'admit' ? undefined : true), { what: 'the proxy to refuse' });
  }

  /** The store holds all that the log has. */
  async isAtEnd(): Promise<void> {
    await eventually(
      async () => {
        const { next } = await this.#logs.log.reader.bounds(0);
        return (await this.redis.states.read(0)).meta?.next === next ? true : undefined;
      },
      { what: 'the store to be at the end of the log', deadlineMs: SETTLES_WITHIN_MS },
    );
  }

  /**
   * Waits until the store is what a fresh fold of the same log says, and holds the proxy to what it has seen.
   * @throws Error where it doesn't become so, or an upstream that is open looked closed meanwhile
   */
  async endsInTheFold(): Promise<void> {
    await eventually(
      async () => {
        const [found, wanted] = [await this.redis.states.read(0), await this.#folded()];
        return isDeepStrictEqual(comparable(found), comparable(wanted)) ? true : undefined;
      },
      { what: 'the store to hold what the log says', deadlineMs: SETTLES_WITHIN_MS },
    );
    if (this.#looksClosed !== undefined) throw this.#looksClosed;
  }

  /** What a proxy that begins now says of the upstream; undefined: it knows nothing, and judges by itself. */
  async freshProxy(): Promise<'admit' | 'refuse' | undefined> {
    const cache = this.#newCache();
    const stop = await this.redis.stateFeed.follow((update) => cache.applyStates(update));
    await stop();
    if (cache.judgedLocally > 0) return undefined;
    return cache.decide(UPSTREAM).kind === 'admit' ? 'admit' : 'refuse';
  }

  #newCache(): StateCache {
    return new StateCache({
      nowMs: () => this.#logs.nowMs,
      monotonicMs: () => performance.now(),
      partitions: 1,
      partitionOf: () => 0,
      stateMaxAgeMs: STATE_MAX_AGE_MS,
    });
  }

  /** As ingest's reader does: what was not taken comes again. */
  async #own(): Promise<void> {
    while (!this.#isEnding) {
      try {
        const records = await this.#logs.batchFor(this.#pump, BATCH_MAX);
        if (records.length > 0) await this.#pump.take(0, records);
        else await sleep(AGAIN_AFTER_MS);
        await this.#pump.pulse(this.#logs.nowMs);
      } catch (error) {
        this.troubles.add((error as Error).message);
        await sleep(AGAIN_AFTER_MS);
      }
    }
  }

  /** Each turn of the proxy: once open, it stays so for the hour of its lease. */
  async #look(): Promise<void> {
    while (!this.#isEnding) {
      this.#cache.pulse();
      const isOpen = this.#cache.decide(UPSTREAM).kind !== 'admit';
      if (this.#wasOpen && !isOpen) this.#looksClosed ??= new Error('an upstream that is open looked closed to a proxy');
      this.#wasOpen ||= isOpen;
      await sleep(AGAIN_AFTER_MS);
    }
  }

  async #folded(): Promise<Pick<Claim, 'meta' | 'snapshots' | 'ids'>> {
    const { states } = this.#logs.open();
    await this.#logs.run(this.#logs.pumpOn({ states }, 'reference'));
    return await states.claim(0, 'reference');
  }
}

/** All but what counts writes. */
function comparable({ meta, snapshots, ids }: Pick<Claim, 'meta' | 'snapshots' | 'ids'>): unknown {
  return { incarnation: meta?.incarnation, next: meta?.next, clockMs: meta?.clockMs, control: meta?.control, restoringTo: meta?.restoringTo, snapshots, ids };
}

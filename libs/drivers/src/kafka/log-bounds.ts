/**
 * What a partition of the outcomes log has: first and next offset, which log it is (V1), and how far a group got (L2).
 * Asked for often, by all partitions at once: calls that come together share one question to Kafka.
 */
import { setTimeout } from 'node:timers/promises';
import type { LogBounds } from '#engine';
import { logIdentity } from '../log-identity.ts';
import { isOutOfRange, messagesOf, ONE_BATCH, type Bounds, type Link } from './link.ts';

/** How long an identity is believed, ms; by then a topic that was deleted and made again has been found out. */
const IDENTITY_BELIEVED_MS = 1_000;
/**
 * A broker that has just become the leader may for a moment know of less than the last one had acknowledged. An end lower
 * than it was is believed of the same log only after this, ms: who takes it for lost would begin anew (V1).
 */
const LOWER_END_AFTER_MS = 2_000;
const LOOK_AGAIN_MS = 100;

export interface LogBoundsOptions {
  readonly reads: Link;
  readonly partitions: number;
  /** Whose commits say what was sent on. */
  readonly group: string;
}

interface Believed {
  readonly identity: string | undefined;
  readonly passed: number;
  readonly bounds: Bounds;
  readonly untilMs: number;
}

export class LogBoundsReader {
  readonly #options: LogBoundsOptions;
  readonly #believed = new Map<number, Believed>();
  /** Highest end of each partition that was told, and of which log. */
  readonly #ends = new Map<number, Pick<LogBounds, 'next' | 'identity'>>();
  #asking: Promise<readonly Bounds[]> | undefined;
  #committed: Promise<ReadonlyMap<number, number>> | undefined;

  constructor(options: LogBoundsOptions) {
    this.#options = options;
  }

  /** The next answer about this partition is to be found anew. */
  forget(partition: number): void {
    this.#believed.delete(partition);
  }

  /** Of every partition. */
  async all(): Promise<readonly Bounds[]> {
    // Only those who come before the question is put share it: later ones may know of more.
    this.#asking ??= Promise.resolve().then(() => {
      this.#asking = undefined;
      return this.#ask();
    });
    return await this.#asking;
  }

  async of(partition: number): Promise<LogBounds> {
    const untilMs = performance.now() + LOWER_END_AFTER_MS;
    for (;;) {
      const bounds = await this.#of(partition);
      const { next, identity } = this.#ends.get(partition) ?? bounds;
      const isLower = bounds.next < next && bounds.identity === identity;
      if (!isLower || performance.now() > untilMs) {
        this.#ends.set(partition, bounds);
        return bounds;
      }
      await setTimeout(LOOK_AGAIN_MS);
    }
  }

  async #ask(): Promise<readonly Bounds[]> {
    const all = await this.#options.reads.bounds(this.#options.partitions);
    for (const [partition, { next }] of all.entries()) {
      const end = this.#ends.get(partition);
      if (end !== undefined && end.next < next) this.#ends.set(partition, { ...end, next });
    }
    return all;
  }

  async #of(partition: number): Promise<LogBounds> {
    const bounds = (await this.all())[partition];
    if (bounds === undefined) throw new Error(`assertion: partition ${partition} is none of ${this.#options.partitions}`);
    const believed = this.#believed.get(partition);
    const isSame = believed !== undefined && performance.now() < believed.untilMs && believed.bounds.first === bounds.first && believed.bounds.next <= bounds.next;
    const { identity, passed } = isSame ? believed : await this.#find(partition, bounds);
    return { ...bounds, identity, passed };
  }

  async #find(partition: number, bounds: Bounds): Promise<Pick<Believed, 'identity' | 'passed'>> {
    const [identity, committed] = await Promise.all([this.#identity(partition, bounds), this.#askCommitted()]);
    // An empty log has none, but for the moment only.
    const untilMs = identity === '' ? 0 : performance.now() + IDENTITY_BELIEVED_MS;
    // Not beyond what is there: of another log that had this name.
    const found = { identity, passed: Math.min(committed.get(partition) ?? 0, bounds.next), bounds, untilMs };
    this.#believed.set(partition, found);
    return found;
  }

  async #askCommitted(): Promise<ReadonlyMap<number, number>> {
    const { reads, group, partitions } = this.#options;
    this.#committed ??= reads.committed(group, partitions).finally(() => (this.#committed = undefined));
    return await this.#committed;
  }

  async #identity(partition: number, { first, next }: Bounds): Promise<string | undefined> {
    if (first > 0) return undefined;
    if (next === 0) return '';
    try {
      const [fetched] = await this.#options.reads.fetch(new Map([[partition, 0]]), { waitMs: 0, partitionBytesMax: ONE_BATCH });
      const record = fetched && messagesOf(fetched)[0];
      if (record === undefined) throw new Error(`the first record of partition ${partition} was not given`);
      return logIdentity({ appendMs: Number(record.timestamp), key: record.key, value: record.value });
    } catch (error) {
      // Cut since it was asked for.
      if (isOutOfRange(error)) return undefined;
      throw error;
    }
  }
}

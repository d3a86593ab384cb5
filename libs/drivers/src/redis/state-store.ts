/** The store of MODEL's K in Redis: each claim and each commit is one Lua call, so it happens whole or not at all. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Claim, Commit, CommitAnswer, Kept, OutboxEntry, Snapshot, StateReader, StateStore } from '#engine';
import { decodeTransition } from '#wire';
import { answerOf, CLAIM, COMMIT, commitCall, keysOf, outboxField, READ } from './commit-script.ts';
import type { Connection } from './connection.ts';
import { unpackIds } from './id-chunks.ts';
import { partitionKeys, type PartitionKeys } from './keys.ts';
import { metaOf } from './partition-meta.ts';
import type { Script, ScriptCall } from './script.ts';
import { LUA_VALUES_MAX } from './script-guards.ts';
import { decodeSnapshots } from './snapshots.ts';

/**
 * How long a claim or a reading holds up the next one, ms. Answers are large, and those of all partitions, asked for at once,
 * would come too late for the last command. Of a Cluster one node may be silent, and the others are not.
 */
const TURN_MAX_MS = 200;

export interface StoreOptions {
  readonly prefix: string;
  /** Of the outcomes log; a store that was written with another number is refused. */
  readonly partitions: number;
}

/** What the claim script gives; hashes as field, value, field, value … */
type ClaimReply = readonly [...ReadReply, epoch: number];
type ReadReply = readonly [meta: readonly Buffer[], snapshots: readonly Buffer[], ids: readonly Buffer[], outbox: readonly Buffer[]];

export class RedisStateStore implements StateStore, StateReader {
  readonly #connection: Connection;
  readonly #options: StoreOptions;
  /** For the next claim or reading. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(connection: Connection, options: StoreOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async claim(partition: number, group: string): Promise<Claim> {
    const keys = this.#keys(partition);
    const reply = await this.#askInTurn(CLAIM, { keys: keysOf(keys), args: [group] });
    const [fields, snapshots, chunks, outbox, epoch] = reply as ClaimReply;
    return { epoch, ...(await this.#keptOf(keys, [fields, snapshots, chunks, outbox], (why) => ({ unreadable: why }))) };
  }

  async read(partition: number): Promise<Kept> {
    const keys = this.#keys(partition);
    const reply = await this.#askInTurn(READ, { keys: keysOf(keys), args: [] });
    return await this.#keptOf(keys, reply as ReadReply);
  }

  /** What came is read while the next is on its way. */
  #askInTurn(script: Script, call: ScriptCall): Promise<unknown> {
    const asked = this.#turn.then(() => this.#connection.ask((redis) => script.run(redis, call)));
    const answered = asked.catch(() => undefined);
    this.#turn = this.#turn.then(() => Promise.race([answered, sleep(TURN_MAX_MS, undefined, { ref: false })]));
    return asked;
  }

  /** @param unreadable what stands for snapshots and ids that can't be read; absent: that is an error */
  async #keptOf(keys: PartitionKeys, [fields, snapshots, chunks, outbox]: ReadReply, unreadable?: (why: string) => Pick<Kept, 'unreadable'>): Promise<Kept> {
    const meta = metaOf(Object.fromEntries(pairsOf(fields).map(([name, value]) => [name, value.toString()])), { key: keys.meta, partitions: this.#options.partitions });
    // What is left beside a lost meta is as lost as that; only what is to be published stands by itself.
    if (meta === undefined) return { snapshots: [], ids: [], outbox: outboxOf(outbox) };
    try {
      return { meta, snapshots: byName(await decodeSnapshots(snapshots)), ids: await unpackIds(chunks), outbox: outboxOf(outbox) };
    } catch (error) {
      if (unreadable === undefined) throw error;
      // What was to be published is made again by whoever folds again (K3).
      return { meta, snapshots: [], ids: [], outbox: [], ...unreadable((error as Error).message) };
    }
  }

  async commit(commit: Commit): Promise<CommitAnswer> {
    const call = commitCall(commit, this.#keys(commit.partition), this.#options.partitions);
    return answerOf(await this.#connection.ask((redis) => COMMIT.run(redis, call)));
  }

  async published(partition: number, entries: readonly OutboxEntry[]): Promise<void> {
    const { outbox } = this.#keys(partition);
    for (let from = 0; from < entries.length; from += LUA_VALUES_MAX) {
      const fields = entries.slice(from, from + LUA_VALUES_MAX).map(outboxField);
      await this.#connection.ask((redis) => redis.hdel(outbox, ...fields));
    }
  }

  #keys(partition: number): PartitionKeys {
    const { prefix, partitions } = this.#options;
    if (partition < 0 || partition >= partitions) throw new RangeError(`assertion: there are partitions 0 to ${partitions - 1}, not ${partition}`);
    return partitionKeys(prefix, partition);
  }
}

/** A hash has no order. */
function byName(snapshots: Snapshot[]): Snapshot[] {
  return snapshots.toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1));
}

/** In the order in which they were made: values begin with the sequence of their commit and their place in it. */
function outboxOf(flat: readonly Buffer[]): OutboxEntry[] {
  const made = pairsOf(flat).map(([field, value]) => {
    const [sequence, place] = value.toString('latin1', 0, 40).split(' ', 2).map(Number) as [number, number];
    const json = value.subarray(value.indexOf(' ', value.indexOf(' ') + 1) + 1);
    return { sequence, place, entry: { offset: Number.parseInt(field, 10), transition: decodeTransition(json) } };
  });
  return made.toSorted((a, b) => a.sequence - b.sequence || a.place - b.place).map(({ entry }) => entry);
}

function pairsOf(flat: readonly Buffer[]): [string, Buffer][] {
  const pairs: [string, Buffer][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([String(flat[at]), flat[at + 1] as Buffer]);
  return pairs;
}

/** Checkpoints as a topic: each in parts one behind the other, in the partition that it is of (docs/decisions/0024). */
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Checkpoint, CheckpointLog, CheckpointQuery } from '#engine';
import { CheckpointReader, encodeCheckpoint } from '#wire';
import type { Appender } from './appender.ts';
import { messagesOf, type Bounds, type Link } from './link.ts';
import { asBuffer } from './outcome-log.ts';
import { fetchFrom } from './transition-history.ts';

/** The newest is looked for in so many records from the end; if it isn't there, in four times as many, and so on. */
const LAST_FIRST = 256;

export interface CheckpointLogOptions {
  readonly topic: string;
  readonly partitions: number;
  /** Its own: a checkpoint is large, and marks must not wait behind it. */
  readonly appender: Appender;
  readonly reads: Link;
  readonly ready: () => Promise<void>;
}

export class KafkaCheckpointLog implements CheckpointLog {
  readonly #options: CheckpointLogOptions;

  constructor(options: CheckpointLogOptions) {
    this.#options = options;
  }

  async append(checkpoint: Checkpoint): Promise<void> {
    const { topic, appender, ready } = this.#options;
    await ready();
    const { partition } = checkpoint;
    for (const part of encodeCheckpoint(checkpoint, randomUUID())) {
      await appender.append([{ topic, partition, key: null, value: asBuffer(part) }]);
      await nextTurn();
    }
  }

  async find(partition: number, { which, fits }: CheckpointQuery): Promise<Checkpoint | undefined> {
    const { reads, partitions, ready } = this.#options;
    await ready();
    const { first, next } = (await reads.bounds(partitions))[partition] as Bounds;
    for (let back = which === 'oldest' ? Infinity : LAST_FIRST; ; back *= 4) {
      const from = Math.max(first, next - back);
      const found = await this.#search({ partition, from, to: next }, { which, fits });
      if (found !== undefined || from === first) return found;
    }
  }

  /** The topic's order is the order of writing, which one late writer can turn round: all are looked at. */
  async #search({ partition, from, to }: { partition: number; from: number; to: number }, { which, fits }: CheckpointQuery): Promise<Checkpoint | undefined> {
    const reader = new CheckpointReader();
    let best: Checkpoint | undefined;
    for (let position = from; position < to; ) {
      const fetched = await fetchFrom(this.#options.reads, partition, position);
      if (fetched === undefined || fetched.next <= position) break;
      position = fetched.next;
      for (const { value } of messagesOf(fetched)) {
        const whole = read(reader, value);
        const isBetter = whole !== undefined && (best === undefined || (which === 'oldest' ? whole.next < best.next : whole.next > best.next));
        if (isBetter && fits(whole)) best = whole;
      }
    }
    return best;
  }
}

/** What can't be read helps nobody, and does no harm: a checkpoint is no input to an owner. */
function read(reader: CheckpointReader, value: Buffer | null): Checkpoint | undefined {
  try {
    return reader.take(value ?? new Uint8Array());
  } catch {
    return undefined;
  }
}

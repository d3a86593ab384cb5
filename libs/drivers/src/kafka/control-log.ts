/**
 * Documents, overrides and incarnations, in one order for everybody (C1): a topic of one partition, which each process
 * that asks follows from its first record on and keeps in memory.
 */
import type { ControlDraft, ControlLog, ControlRecord, Stop } from '#engine';
import { decodeControl, encodeControl } from '#wire';
import type { OnError } from '../drivers.ts';
import type { Appender } from './appender.ts';
import { Follower } from './follower.ts';
import type { Link } from './link.ts';
import type { RecordBatch } from './record-batch.ts';
import { Listeners } from '../listeners.ts';
import { asBuffer } from './outcome-log.ts';

const PARTITION = 0;

export interface ControlLogOptions {
  readonly topic: string;
  /** Its own: a control record goes with nothing else. */
  readonly appender: Appender;
  readonly reads: Link;
  readonly tail: Link;
  readonly ready: () => Promise<void>;
  readonly onError: OnError;
}

/** A record, or why it can't be read: a fold without one of them would be another fold. */
type Kept = { readonly offset: number; readonly record: ControlRecord } | { readonly offset: number; readonly error: unknown };

export class KafkaControlLog implements ControlLog {
  readonly #options: ControlLogOptions;
  readonly #follower: Follower;
  readonly #news: Listeners<void>;
  readonly #kept: Kept[] = [];
  #isTelling = false;

  constructor(options: ControlLogOptions) {
    this.#options = options;
    const { reads, tail, onError } = options;
    this.#news = new Listeners(onError, 'telling of control records');
    this.#follower = new Follower({
      partitions: 1,
      reads,
      tail,
      from: ({ first }) => first,
      onRecord: (_, batch, n) => this.#keep(batch, n),
      onLost: () => this.#endLoudly(),
      onError,
      doing: 'following the control log',
    });
  }

  async append(entries: readonly ControlDraft[]): Promise<number> {
    const { topic, appender, ready } = this.#options;
    await ready();
    if (entries.length === 0) return (await this.#caughtUp()).at(-1)?.offset ?? -1;
    const drafts = entries.map((entry) => ({ topic, partition: PARTITION, key: null, value: asBuffer(encodeControl(entry)) }));
    return (await appender.appendTogether(drafts)).at(-1)?.offset as number;
  }

  async read(from: number): Promise<readonly ControlRecord[]> {
    const kept = await this.#caughtUp();
    let at = kept.length;
    while (at > 0 && (kept[at - 1] as Kept).offset >= from) at--;
    return kept.slice(at).map((each) => {
      if ('error' in each) throw each.error;
      return each.record;
    });
  }

  async onNews(listener: () => void): Promise<Stop> {
    // What is there already is no news.
    await this.#caughtUp();
    return this.#news.add(listener);
  }

  async close(): Promise<void> {
    this.#news.clear();
    await this.#follower.close();
  }

  async #caughtUp(): Promise<readonly Kept[]> {
    await this.#options.ready();
    await this.#follower.catchUp();
    return this.#kept;
  }

  #keep(batch: RecordBatch, n: number): void {
    this.#kept.push(read(batch.offset(n), batch.appendMs(n), batch.value(n)));
    this.#tellOnce();
  }

  /** Records that come together are one piece of news. */
  #tellOnce(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      this.#news.tell();
    });
  }

  /** Everything that this process knows comes from a log which is not there any more. */
  #endLoudly(): never {
    const error = new Error(`topic ${this.#options.topic} is another one than it was, or lost its end; this process begins anew with it`);
    setImmediate(() => {
      throw error;
    });
    throw error;
  }
}

function read(offset: number, appendMs: number, value: Buffer | null): Kept {
  try {
    return { offset, record: decodeControl(value ?? new Uint8Array(), { offset, appendMs }) };
  } catch (error) {
    return { offset, error };
  }
}

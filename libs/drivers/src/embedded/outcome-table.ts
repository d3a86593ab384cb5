/**
 * The outcomes log as a table: who appends, and who reads by offset. Append times are given here, by the one clock of
 * this driver (T1): what a record says of itself doesn't count.
 */
import type { LogBounds, LogRecord, Mark, Outcome, OutcomeLog } from '#engine';
import { decodeEntry, encodeMark, encodeOutcome } from '#wire';
import { logIdentity } from '../log-identity.ts';
import type { Database, Statement } from './database.ts';
import { assertPartition } from './partition.ts';

/** Key and value as producers send them; null as in Kafka. */
interface KeyedBytes {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

interface LogRow {
  readonly offset: number;
  readonly append_ms: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

export class OutcomeTable implements OutcomeLog {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #insert: Statement<never>;
  readonly #insertIdentity: Statement<never>;
  readonly #select: Statement<LogRow>;
  readonly #selectBounds: Statement<{ first: number | null; last: number | null; identity: string | null }>;
  readonly #listeners = new Set<() => void>();
  /** Offset of the record that will be appended next. */
  #next: number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
    this.#insert = database.prepare('INSERT INTO log (offset, append_ms, key, value) VALUES (?, ?, ?, ?)');
    this.#insertIdentity = database.prepare('INSERT INTO log_identity (id, identity) VALUES (0, ?)');
    this.#select = database.prepare('SELECT offset, append_ms, key, value FROM log WHERE offset >= ? ORDER BY offset LIMIT ?');
    this.#selectBounds = database.prepare(
      'SELECT (SELECT min(offset) FROM log) AS first, (SELECT max(offset) FROM log) AS last, (SELECT identity FROM log_identity) AS identity',
    );
    const last = database.prepare<{ last: number | null }>('SELECT max(offset) AS last FROM log').get();
    this.#next = (last?.last ?? -1) + 1;
  }

  async append(outcomes: readonly Outcome[]): Promise<readonly number[]> {
    const appendMs = this.#append(outcomes.map((outcome) => ({ key: Buffer.from(outcome.upstream), value: encodeOutcome(outcome) })));
    return outcomes.map(() => appendMs);
  }

  async appendMark(partition: number, mark: Mark): Promise<void> {
    assertPartition(partition);
    this.#append([{ key: null, value: encodeMark(mark) }]);
  }

  /** There is one partition, so no record is in another than its own. */
  async sendOn(): Promise<void> {}

  /** As a producer of any kind would, readable or not. Gives the append time. */
  async appendRaw(key: Uint8Array | null, value: Uint8Array | null): Promise<number> {
    return this.#append([{ key, value }]);
  }

  /** At most `max` records from `from` on. */
  read(from: number, max: number): LogRecord[] {
    return this.#select.all(from, max).map(({ offset, append_ms, key, value }) => ({
      offset,
      appendMs: append_ms,
      entry: decodeEntry(key, value),
    }));
  }

  bounds(): LogBounds {
    const bounds = this.#selectBounds.get();
    // Read again: who only looks has no part in the appends.
    const next = (bounds?.last ?? this.#next - 1) + 1;
    return { first: bounds?.first ?? next, next, identity: bounds?.identity ?? '', passed: 0 };
  }

  /** Called back within each append, once it is durable; must neither throw nor append. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #append(records: readonly KeyedBytes[]): number {
    const appendMs = Math.floor(this.#now());
    const [first] = records;
    if (first === undefined) return appendMs;
    this.#database.transaction(() => {
      if (this.#next === 0) this.#insertIdentity.run(logIdentity({ appendMs, ...first }));
      for (const [index, { key, value }] of records.entries()) this.#insert.run(this.#next + index, appendMs, key, value);
    });
    this.#next += records.length;
    for (const listener of this.#listeners) listener();
    return appendMs;
  }
}

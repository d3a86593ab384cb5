/** The control log as a table: documents, overrides, incarnations, in one order, kept for ever (C1). */
import type { ControlDraft, ControlLog, ControlRecord, Stop } from '#engine';
import { decodeControl, encodeControl } from '#wire';
import type { OnError } from '../drivers.ts';
import type { Database, Statement } from './database.ts';
import { Listeners } from '../listeners.ts';

interface ControlRow {
  readonly offset: number;
  readonly append_ms: number;
  readonly value: Uint8Array;
}

export class ControlTable implements ControlLog {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #insert: Statement<never>;
  readonly #select: Statement<ControlRow>;
  readonly #news: Listeners<void>;
  #last: number;

  constructor(database: Database, { now, onError }: { readonly now: () => number; readonly onError: OnError }) {
    this.#database = database;
    this.#now = now;
    this.#insert = database.prepare('INSERT INTO control (offset, append_ms, value) VALUES (?, ?, ?)');
    this.#select = database.prepare('SELECT offset, append_ms, value FROM control WHERE offset >= ? ORDER BY offset');
    this.#news = new Listeners(onError, 'telling of control records');
    this.#last = database.prepare<{ last: number | null }>('SELECT max(offset) AS last FROM control').get()?.last ?? -1;
  }

  async append(entries: readonly ControlDraft[]): Promise<number> {
    if (entries.length === 0) return this.#last;
    const appendMs = Math.floor(this.#now());
    const values = entries.map(encodeControl);
    this.#database.transaction(() => {
      for (const [index, value] of values.entries()) this.#insert.run(this.#last + 1 + index, appendMs, value);
    });
    this.#last += entries.length;
    this.#news.tell();
    return this.#last;
  }

  async read(from: number): Promise<readonly ControlRecord[]> {
    return this.readNow(from);
  }

  readNow(from: number): ControlRecord[] {
    return this.#select.all(from).map(({ offset, append_ms, value }) => decodeControl(value, { offset, appendMs: append_ms }));
  }

  async onNews(listener: () => void): Promise<Stop> {
    return this.#news.add(listener);
  }

  close(): void {
    this.#news.clear();
  }
}

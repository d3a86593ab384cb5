import type { OutboxEntry } from '#engine';
import { decodeTransition, encodeTransition } from '#wire';
import type { Database, Statement } from './database.ts';

/** Committed transitions that are not known to be published (K3). To be used within a transaction. */
export class OutboxTable {
  readonly #insert: Statement<never>;
  readonly #select: Statement<{ offset: number; value: Uint8Array }>;
  readonly #delete: Statement<never>;

  constructor(database: Database) {
    this.#insert = database.prepare(
      'INSERT OR IGNORE INTO outbox (offset, incarnation, generation, upstream, value) VALUES (?, ?, ?, ?, ?)',
    );
    this.#select = database.prepare('SELECT offset, value FROM outbox ORDER BY id');
    this.#delete = database.prepare('DELETE FROM outbox WHERE offset = ? AND incarnation = ? AND generation = ? AND upstream = ?');
  }

  /** In the order in which they were added. */
  all(): OutboxEntry[] {
    return this.#select.all().map(({ offset, value }) => ({ offset, transition: decodeTransition(value) }));
  }

  /** Those that are there already are passed over. */
  add(entries: readonly OutboxEntry[]): void {
    for (const { offset, transition } of entries) {
      const { incarnation, generation, upstream } = transition;
      this.#insert.run(offset, incarnation, generation, upstream, encodeTransition(transition));
    }
  }

  /** Those that are not there are passed over. */
  delete(entries: readonly OutboxEntry[]): void {
    for (const { offset, transition } of entries) {
      this.#delete.run(offset, transition.incarnation, transition.generation, transition.upstream);
    }
  }
}

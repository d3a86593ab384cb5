/** What could not be read, byte for byte (L1 outcomes.dead). */
import type { DeadLetter, DeadLetters } from '#engine';
import type { Database, Statement } from './database.ts';

type DeadLetterRow = { readonly [K in keyof DeadLetter]: DeadLetter[K] };

export class DeadLetterTable implements DeadLetters {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #insert: Statement<never>;
  readonly #select: Statement<DeadLetterRow>;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
    this.#insert = database.prepare(
      'INSERT OR IGNORE INTO dead_letters (append_ms, partition, offset, reason, key, value) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#select = database.prepare('SELECT partition, offset, reason, key, value FROM dead_letters ORDER BY id DESC LIMIT ?');
  }

  /** A record that was told of before is passed over. */
  async append(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return;
    const appendMs = Math.floor(this.#now());
    this.#database.transaction(() => {
      for (const { partition, offset, reason, key, value } of letters) {
        this.#insert.run(appendMs, partition, offset, reason, key, value);
      }
    });
  }

  /** The newest `limit`, newest first. */
  async newest(limit: number): Promise<readonly DeadLetter[]> {
    return this.#select.all(limit).map((row) => ({ ...row }));
  }
}

import type { RememberedId } from '#engine';
import type { Database, Statement } from './database.ts';

/** K4: the horizon. */
const IDS_MAX = 65_536;

/** The ids that a repeat is told by (K4), in offset order. To be used within a transaction. */
export class IdTable {
  readonly #insert: Statement<never>;
  readonly #select: Statement<{ offset: bigint; hash: bigint }>;
  readonly #count: Statement<{ ids: number }>;
  readonly #deleteUpTo: Statement<never>;
  readonly #deleteAll: Statement<never>;

  constructor(database: Database) {
    this.#insert = database.prepare('INSERT OR IGNORE INTO ids (offset, hash) VALUES (?, ?)');
    this.#select = database.prepare('SELECT offset, hash FROM ids ORDER BY offset', { bigints: true });
    this.#count = database.prepare('SELECT count(*) AS ids FROM ids');
    this.#deleteUpTo = database.prepare('DELETE FROM ids WHERE offset <= (SELECT offset FROM ids ORDER BY offset LIMIT 1 OFFSET ?)');
    this.#deleteAll = database.prepare('DELETE FROM ids');
  }

  /** Oldest first. */
  all(): RememberedId[] {
    return this.#select.all().map(({ offset, hash }) => ({ offset: Number(offset), hash: BigInt.asUintN(64, hash) }));
  }

  /** Adds, and drops the oldest beyond the horizon. */
  add(ids: readonly RememberedId[], { replacing }: { readonly replacing: boolean }): void {
    if (replacing) this.#deleteAll.run();
    for (const { offset, hash } of ids) this.#insert.run(offset, BigInt.asIntN(64, hash));
    const excess = (this.#count.get()?.ids ?? 0) - IDS_MAX;
    if (excess > 0) this.#deleteUpTo.run(excess - 1);
  }
}

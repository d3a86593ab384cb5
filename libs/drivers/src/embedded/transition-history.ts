/** The transitions table as it lies there, for who compares it with what the outcomes make (verify). */
import type { HistoryPage, TransitionHistory } from '#engine';
import { decodeTransition } from '#wire';
import type { Database, Statement } from './database.ts';
import { assertPartition } from './partition.ts';

interface HistoryRow {
  readonly offset: number;
  readonly append_ms: number;
  readonly value: Uint8Array;
}

export class EmbeddedTransitionHistory implements TransitionHistory {
  readonly #select: Statement<HistoryRow>;
  readonly #selectBounds: Statement<{ first: number | null; last: number | null; made: number | null }>;

  constructor(database: Database) {
    this.#select = database.prepare('SELECT id AS offset, append_ms, value FROM transitions WHERE id >= ? ORDER BY id LIMIT ?');
    this.#selectBounds = database.prepare(
      "SELECT min(id) AS first, max(id) AS last, (SELECT seq FROM sqlite_sequence WHERE name = 'transitions') AS made FROM transitions",
    );
  }

  async bounds(partition: number): Promise<{ first: number; next: number }> {
    assertPartition(partition);
    const { first, last, made } = this.#selectBounds.get() ?? { first: null, last: null, made: null };
    const next = Math.max(last ?? 0, made ?? 0) + 1;
    // Ids begin with 1; what a topic would call its beginning is 0.
    return { first: first === 1 || next === 1 ? 0 : (first ?? next), next };
  }

  async read(partition: number, from: number, max: number): Promise<HistoryPage> {
    assertPartition(partition);
    const rows = this.#select.all(from, max);
    const records = rows.map(({ offset, append_ms, value }) => ({ offset, appendMs: append_ms, transition: decodeTransition(value) }));
    return { records, next: (rows.at(-1)?.offset ?? from - 1) + 1 };
  }
}

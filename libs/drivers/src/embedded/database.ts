/**
 * A thin, typed layer over `node:sqlite`: statements by row type, and transactions. Everything in it is synchronous,
 * so between two awaits nobody else in this process comes in between.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

/** One prepared statement whose rows are of type `Row`; rows are trusted, because only this driver writes the file. */
export class Statement<Row> {
  readonly #statement: StatementSync;

  constructor(statement: StatementSync) {
    this.#statement = statement;
  }

  get(...values: SQLInputValue[]): Row | undefined {
    return this.#statement.get(...values) as Row | undefined;
  }

  all(...values: SQLInputValue[]): Row[] {
    return this.#statement.all(...values) as Row[];
  }

  /** Gives how many rows changed. */
  run(...values: SQLInputValue[]): number {
    return Number(this.#statement.run(...values).changes);
  }
}

export class Database {
  readonly #sqlite: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #beginReading: StatementSync;
  readonly #commit: StatementSync;

  constructor(sqlite: DatabaseSync) {
    this.#sqlite = sqlite;
    this.#begin = sqlite.prepare('BEGIN IMMEDIATE');
    this.#beginReading = sqlite.prepare('BEGIN');
    this.#commit = sqlite.prepare('COMMIT');
  }

  /** @param bigints whether whole numbers come as bigint, for 64-bit columns */
  prepare<Row = never>(sql: string, { bigints = false } = {}): Statement<Row> {
    const statement = this.#sqlite.prepare(sql);
    if (bigints) statement.setReadBigInts(true);
    return new Statement<Row>(statement);
  }

  /** All of what `work` writes, or nothing; visible to nobody before this returns (K3). Not to be nested. */
  transaction<T>(work: () => T): T {
    return this.#within(this.#begin, work);
  }

  /** What `work` reads is of one moment, also where another process writes. Not to be nested. */
  reading<T>(work: () => T): T {
    return this.#within(this.#beginReading, work);
  }

  #within<T>(begin: StatementSync, work: () => T): T {
    begin.run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      // SQLite has ended it by itself after some errors, a full disk among them.
      if (this.#sqlite.isTransaction) this.#sqlite.exec('ROLLBACK');
      throw error;
    }
  }
}

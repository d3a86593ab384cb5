/**
 * What is deleted, and when. Control, snapshots, ids and outbox stay (L1, K5). Rows go from the old end in chunks, with
 * the loop free in between; space in the file is used again.
 */
import { setImmediate } from 'node:timers/promises';
import type { OnError } from '../drivers.ts';
import type { Database, Statement } from './database.ts';

/** How long things are kept after they were appended, ms. */
export interface Retention {
  /** Outcomes and marks, and checkpoints of them; default 7 days. What is not folded yet stays, and so does the newest record, however old. */
  readonly outcomesMs: number;
  /** Default 30 days. */
  readonly transitionsMs: number;
  /** Default 30 days. */
  readonly deadLettersMs: number;
}

const DAY_MS = 86_400_000;
export const DEFAULT_RETENTION: Retention = { outcomesMs: 7 * DAY_MS, transitionsMs: 30 * DAY_MS, deadLettersMs: 30 * DAY_MS };
/** How often the old ends are looked at, ms. */
const SWEEP_EVERY_MS = 60_000;
/** Rows that one transaction deletes at most. */
const CHUNK_MAX = 1_000;

interface AgedRow {
  readonly position: number;
  readonly append_ms: number;
}

/** One table's old end. */
interface Aged {
  readonly keptMs: number;
  readonly oldest: Statement<AgedRow>;
  readonly deleteUpTo: Statement<never>;
}

export interface SweeperOptions {
  readonly retention: Retention;
  readonly now: () => number;
  readonly onError: OnError;
}

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #database: Database;
  readonly #tables: readonly Aged[];
  readonly #timer: NodeJS.Timeout;
  #sweeping: Promise<void> | undefined;
  #closed = false;

  constructor(database: Database, options: SweeperOptions) {
    this.#options = options;
    this.#database = database;
    const { outcomesMs, transitionsMs, deadLettersMs } = options.retention;
    // The newest tells the next offset; what is not folded is needed still (V1: a log cut there begins anew).
    const cuttable = 'offset < (SELECT max(offset) FROM log) AND offset < (SELECT next FROM meta)';
    this.#tables = [
      agedTable(database, { name: 'log', position: 'offset', where: cuttable, keptMs: outcomesMs }),
      agedTable(database, { name: 'checkpoints', position: 'id', where: 'true', keptMs: outcomesMs }),
      agedTable(database, { name: 'transitions', position: 'id', where: 'true', keptMs: transitionsMs }),
      agedTable(database, { name: 'dead_letters', position: 'id', where: 'true', keptMs: deadLettersMs }),
    ];
    this.#timer = setInterval(() => void this.sweep().catch((error: unknown) => options.onError(error, 'deleting what is old')), SWEEP_EVERY_MS);
    this.#timer.unref();
  }

  /** Deletes all that is old now. A call while one runs joins it. */
  async sweep(): Promise<void> {
    this.#sweeping ??= this.#sweepAll().finally(() => (this.#sweeping = undefined));
    await this.#sweeping;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  async #sweepAll(): Promise<void> {
    for (const table of this.#tables) {
      while (!this.#closed && this.#deleteChunk(table) === CHUNK_MAX) await setImmediate();
    }
  }

  /** Only the old end, up to the first row that is young, whatever lies behind: a log is cut, never thinned out. */
  #deleteChunk({ keptMs, oldest, deleteUpTo }: Aged): number {
    const rows = oldest.all(CHUNK_MAX);
    const youngFromMs = this.#options.now() - keptMs;
    const youngAt = rows.findIndex(({ append_ms }) => append_ms >= youngFromMs);
    const old = youngAt === -1 ? rows : rows.slice(0, youngAt);
    const last = old.at(-1);
    if (last !== undefined) this.#database.transaction(() => deleteUpTo.run(last.position));
    return old.length;
  }
}

interface AgedTable {
  readonly name: string;
  readonly position: string;
  readonly where: string;
  readonly keptMs: number;
}

function agedTable(database: Database, { name, position, where, keptMs }: AgedTable): Aged {
  return {
    keptMs,
    oldest: database.prepare(`SELECT ${position} AS position, append_ms FROM ${name} WHERE ${where} ORDER BY ${position} LIMIT ?`),
    deleteUpTo: database.prepare(`DELETE FROM ${name} WHERE ${position} <= ?`),
  };
}

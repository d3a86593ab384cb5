/** History as a table (L1 transitions): one row for each identity (G1), newest first. */
import type { Stop, Transition, TransitionLog, TransitionPage, TransitionQuery } from '#engine';
import { decodeTransition, encodeTransition } from '#wire';
import type { OnError } from '../drivers.ts';
import type { Database, Statement } from './database.ts';
import { Listeners } from '../listeners.ts';

const LIMIT_MAX = 1_000;

interface TransitionRow {
  readonly id: number;
  readonly value: Uint8Array;
}

export class TransitionTable implements TransitionLog {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #insert: Statement<never>;
  readonly #selectAll: Statement<TransitionRow>;
  readonly #selectOf: Statement<TransitionRow>;
  readonly #listeners: Listeners<Transition>;

  constructor(database: Database, { now, onError }: { readonly now: () => number; readonly onError: OnError }) {
    this.#database = database;
    this.#now = now;
    this.#insert = database.prepare(
      'INSERT OR IGNORE INTO transitions (append_ms, upstream, incarnation, generation, value) VALUES (?, ?, ?, ?, ?)',
    );
    this.#selectAll = database.prepare('SELECT id, value FROM transitions WHERE id < ? ORDER BY id DESC LIMIT ?');
    this.#selectOf = database.prepare('SELECT id, value FROM transitions WHERE upstream = ? AND id < ? ORDER BY id DESC LIMIT ?');
    this.#listeners = new Listeners(onError, 'telling of transitions');
  }

  /** Repeats are dropped here, so nobody hears of them either. */
  async append(transitions: readonly Transition[]): Promise<void> {
    if (transitions.length === 0) return;
    const appendMs = Math.floor(this.#now());
    const fresh = this.#database.transaction(() => transitions.filter((transition) => this.#isNew(transition, appendMs)));
    for (const transition of fresh) this.#listeners.tell(transition);
  }

  /** @throws {RangeError} limit outside 1 to 1,000, or a page token that no page gave. */
  async list({ upstream, limit, pageToken }: TransitionQuery): Promise<TransitionPage> {
    if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
      throw new RangeError(`limit is ${limit}; allowed: a whole number from 1 to ${LIMIT_MAX}`);
    }
    const before = pageToken === undefined ? Number.MAX_SAFE_INTEGER : idOf(pageToken);
    const found = upstream === undefined ? this.#selectAll.all(before, limit + 1) : this.#selectOf.all(upstream, before, limit + 1);
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return {
      transitions: page.map(({ value }) => decodeTransition(value)),
      ...(found.length > limit && last !== undefined ? { nextPageToken: `${last.id}` } : {}),
    };
  }

  async follow(listener: (transition: Transition) => void): Promise<Stop> {
    return this.#listeners.add(listener);
  }

  close(): void {
    this.#listeners.clear();
  }

  #isNew(transition: Transition, appendMs: number): boolean {
    const { upstream, incarnation, generation } = transition;
    return this.#insert.run(appendMs, upstream, incarnation, generation, encodeTransition(transition)) > 0;
  }
}

function idOf(pageToken: string): number {
  const id = /^\d{1,15}$/.test(pageToken) ? Number(pageToken) : Number.NaN;
  if (Number.isNaN(id)) throw new RangeError(`page token ${JSON.stringify(pageToken.slice(0, 64))} is none that a page gave`);
  return id;
}

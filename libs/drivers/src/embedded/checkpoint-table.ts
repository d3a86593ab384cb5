/** Checkpoints as a table, a row for each part. Which are kept, retention.ts says. */
import { randomUUID } from 'node:crypto';
import type { Checkpoint, CheckpointLog, CheckpointQuery } from '#engine';
import { CheckpointReader, encodeCheckpoint } from '#wire';
import type { Database, Statement } from './database.ts';
import { assertPartition } from './partition.ts';

interface PartRow {
  readonly value: Uint8Array;
}

export class CheckpointTable implements CheckpointLog {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #insert: Statement<never>;
  readonly #select: Readonly<Record<CheckpointQuery['which'], Statement<{ writing: string }>>>;
  readonly #selectParts: Statement<PartRow>;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
    this.#insert = database.prepare('INSERT INTO checkpoints (append_ms, next, writing, part, value) VALUES (?, ?, ?, ?, ?)');
    const each = 'SELECT writing FROM checkpoints WHERE part = 0 ORDER BY';
    this.#select = { oldest: database.prepare(`${each} next, id`), newest: database.prepare(`${each} next DESC, id`) };
    this.#selectParts = database.prepare('SELECT value FROM checkpoints WHERE writing = ? ORDER BY part');
  }

  async append(checkpoint: Checkpoint): Promise<void> {
    assertPartition(checkpoint.partition);
    const [appendMs, writing] = [Math.floor(this.#now()), randomUUID()];
    const parts = [...encodeCheckpoint(checkpoint, writing)];
    this.#database.transaction(() => {
      for (const [part, value] of parts.entries()) this.#insert.run(appendMs, checkpoint.next, writing, part, value);
    });
  }

  async find(partition: number, { which, fits }: CheckpointQuery): Promise<Checkpoint | undefined> {
    assertPartition(partition);
    for (const { writing } of this.#select[which].all()) {
      const whole = this.#whole(writing);
      if (whole !== undefined && fits(whole)) return whole;
    }
    return undefined;
  }

  #whole(writing: string): Checkpoint | undefined {
    const reader = new CheckpointReader();
    return this.#selectParts.all(writing).map(({ value }) => reader.take(value)).at(-1);
  }
}

/** What was fetched of one partition and not taken yet: batches as they came, whose records are read when they are taken. */
import type { RecordBatch } from './record-batch.ts';

interface Waiting {
  readonly batch: RecordBatch;
  /** Its first record that was not taken. */
  at: number;
}

export class RecordQueue {
  readonly #waiting: Waiting[] = [];
  #records = 0;
  #bytes = 0;

  get records(): number {
    return this.#records;
  }

  /** Of the batches, while anything of them waits. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param from what lies below, in a batch that came whole, is passed over */
  push(batches: readonly RecordBatch[], from: number): void {
    for (const batch of batches) {
      const at = batch.indexFrom(from);
      if (at === batch.count) continue;
      this.#waiting.push({ batch, at });
      this.#records += batch.count - at;
      this.#bytes += batch.bytes.length;
    }
  }

  /** The oldest, `max` at most. */
  take<T>(max: number, read: (batch: RecordBatch, n: number) => T): T[] {
    const taken: T[] = [];
    let done = 0;
    for (const each of this.#waiting) {
      const { batch } = each;
      const end = Math.min(batch.count, each.at + max - taken.length);
      for (; each.at < end; each.at++) taken.push(read(batch, each.at));
      if (each.at < batch.count) break;
      this.#bytes -= batch.bytes.length;
      done++;
    }
    this.#waiting.splice(0, done);
    this.#records -= taken.length;
    return taken;
  }

  clear(): void {
    this.#waiting.length = 0;
    this.#records = 0;
    this.#bytes = 0;
  }
}

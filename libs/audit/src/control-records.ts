/** The whole control log: the fold's dictionary, and which incarnations there were (V1). */
import type { ControlDictionary, ControlLog, ControlRecord, Incarnation } from '#engine';

export class ControlRecords {
  readonly #log: Pick<ControlLog, 'read'>;
  readonly #byOffset = new Map<number, ControlRecord>();
  #latest = -1;

  private constructor(log: Pick<ControlLog, 'read'>) {
    this.#log = log;
  }

  static async read(log: Pick<ControlLog, 'read'>): Promise<ControlRecords> {
    const records = new ControlRecords(log);
    await records.#readOn();
    return records;
  }

  readonly at: ControlDictionary = (offset) => this.#byOffset.get(offset);

  /** C2: what a mark names is read before the mark is folded. It may still not exist. */
  async reach(offset: number): Promise<void> {
    if (offset > this.#latest) await this.#readOn();
  }

  /** Of one number; of two that were begun at once the first, as owners have it. Without `number`: the one in force. */
  incarnation(partition: number, number?: number): Incarnation | undefined {
    let found: Incarnation | undefined;
    for (const { change } of this.#byOffset.values()) {
      if (change.kind !== 'incarnation' || change.partition !== partition) continue;
      if (number === undefined ? change.number > (found?.number ?? 0) : found === undefined && change.number === number) found = change;
    }
    return found;
  }

  async #readOn(): Promise<void> {
    for (const record of await this.#log.read(this.#latest + 1)) {
      this.#byOffset.set(record.offset, record);
      this.#latest = record.offset;
    }
  }
}

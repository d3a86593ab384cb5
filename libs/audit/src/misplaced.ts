/**
 * L2 for a rebuild: an ingest takes what the store has passed for sent on. So a rebuild that passes more sends on what is
 * misrouted, and buries what can't be read, as an ingest does: acknowledged before the commit, and at least once.
 */
import type { DeadLetters, LogRecord, OutcomeLog } from '#engine';

export interface MisplacedPorts {
  readonly outcomes: Pick<OutcomeLog, 'sendOn'>;
  readonly deadLetters: DeadLetters;
}

export class Misplaced {
  readonly #ports: MisplacedPorts;
  readonly #partition: number;
  #from: number;

  /** @param from records below were passed by an ingest */
  constructor(ports: MisplacedPorts, { partition, from }: { partition: number; from: number }) {
    this.#ports = ports;
    this.#partition = partition;
    this.#from = from;
  }

  async take(records: readonly LogRecord[]): Promise<void> {
    const { outcomes, deadLetters } = this.#ports;
    const partition = this.#partition;
    const fresh = records.filter(({ offset }) => offset >= this.#from);
    const letters = fresh.flatMap(({ entry, offset }) => (entry.kind === 'dead' ? [{ ...entry, partition, offset }] : []));
    if (letters.length > 0) await deadLetters.append(letters);
    const misrouted = fresh.flatMap(({ entry, offset }) => (entry.kind === 'misrouted' && !entry.isSentOn ? [{ ...entry, partition, offset }] : []));
    if (misrouted.length > 0) await outcomes.sendOn(misrouted);
    const last = fresh.at(-1);
    if (last !== undefined) this.#from = last.offset + 1;
  }
}

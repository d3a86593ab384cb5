/** How far each partition's log goes, asked for now and then while somebody looks: the rest of it is what waits to be folded. */
import type { OutcomeReader } from '#engine';

export class LogEnds {
  readonly #reader: Pick<OutcomeReader, 'bounds'>;
  readonly #next = new Map<number, number>();
  #asking: Promise<void> | undefined;
  #problem: string | undefined;

  constructor(reader: Pick<OutcomeReader, 'bounds'>) {
    this.#reader = reader;
  }

  /** Settles when they are known, or why not; while the last question is open, when that is answered. Never rejects. */
  ask(partitions: readonly number[]): Promise<void> {
    return (this.#asking ??= this.#ask(partitions).finally(() => (this.#asking = undefined)));
  }

  /** Offset that the next record will get; undefined: not known. @param folded up to where it was folded since: it goes that far at least */
  of(partition: number, folded = 0): number | undefined {
    const next = this.#next.get(partition);
    return next === undefined ? undefined : Math.max(next, folded);
  }

  /** Why ends are not known; undefined: they are, or were not asked for. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async #ask(partitions: readonly number[]): Promise<void> {
    try {
      const bounds = await Promise.all(partitions.map((partition) => this.#reader.bounds(partition)));
      for (const [index, { next }] of bounds.entries()) this.#next.set(partitions[index] ?? 0, next);
      this.#problem = undefined;
    } catch (error) {
      // What was known is old from here on.
      this.#next.clear();
      this.#problem = (error as Error).message;
    }
  }
}

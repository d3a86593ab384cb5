/**
 * How far each partition's log goes, asked for while somebody looks: the rest of it is what waits to be folded. However
 * many look, and at whatever, it is asked about once a second.
 */
import type { OutcomeReader } from '#engine';

export interface LogEndsOptions {
  readonly reader: Pick<OutcomeReader, 'bounds'>;
  readonly partitions: number;
  /** Never set back, ms. */
  readonly monotonicMs: () => number;
}

/** Between two questions; who asks each second is answered each time, ms. */
const ASK_EACH_MS = 900;

export class LogEnds {
  readonly #options: LogEndsOptions;
  readonly #next = new Map<number, number>();
  #asking: Promise<void> | undefined;
  #askedMs = -Infinity;
  #problem: string | undefined;

  constructor(options: LogEndsOptions) {
    this.#options = options;
  }

  /** Settles when they are known as they were a moment ago, or why not. Never rejects. */
  async ask(): Promise<void> {
    if (this.#options.monotonicMs() - this.#askedMs >= ASK_EACH_MS) this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    await this.#asking;
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

  async #ask(): Promise<void> {
    const { reader, partitions, monotonicMs } = this.#options;
    this.#askedMs = monotonicMs();
    try {
      const bounds = await Promise.all(Array.from({ length: partitions }, (_, partition) => reader.bounds(partition)));
      for (const [partition, { next }] of bounds.entries()) this.#next.set(partition, next);
      this.#problem = undefined;
    } catch (error) {
      // What was known is old from here on.
      this.#next.clear();
      this.#problem = (error as Error).message;
    }
  }
}

/** Partitions that this process leaves alone, each with why: said once, and not ready for as long as it is so. */
import type { Health, Logger } from '#runtime';

type Condition = ReturnType<Health['condition']>;

export class Abandoned {
  readonly #logger: Logger;
  readonly #health: Health;
  /** Those that are left alone, and why. */
  readonly #why = new Map<number, string>();
  /** Of each that ever was. */
  readonly #conditions = new Map<number, Condition>();

  constructor({ logger, health }: { readonly logger: Logger; readonly health: Health }) {
    this.#logger = logger;
    this.#health = health;
  }

  has(partition: number): boolean {
    return this.#why.has(partition);
  }

  add(partition: number, why: string): void {
    if (this.#why.get(partition) === why) return;
    this.#why.set(partition, why);
    this.#logger.error({ partition }, why);
    let condition = this.#conditions.get(partition);
    if (condition === undefined) this.#conditions.set(partition, (condition = this.#health.condition(`partition ${partition}`, why)));
    condition.notReady(why);
  }

  /** It is ours again, or somebody else's. */
  delete(partition: number): void {
    if (!this.#why.delete(partition)) return;
    this.#conditions.get(partition)?.ready();
    this.#logger.info({ partition }, `partition ${partition} is no longer left alone`);
  }
}

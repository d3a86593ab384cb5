import type { Reach } from '../drivers.ts';

/** Several connections as one: Redis is reached when every one of them is. */
export class Reachability {
  readonly #reach: Reach;
  readonly #missing = new Set<Reach>();

  constructor(reach: Reach) {
    this.#reach = reach;
  }

  /** For one more connection, which is not reached yet. */
  link(): Reach {
    const link: Reach = {
      failed: (error) => {
        this.#missing.add(link);
        this.#reach.failed(error);
      },
      reached: () => {
        this.#missing.delete(link);
        if (this.#missing.size === 0) this.#reach.reached();
      },
    };
    this.#missing.add(link);
    return link;
  }
}

/** Brokers' clocks: each is off by up to a second, and may be wrong by a minute for a while (T1). */
import type { Chance } from '../support/chance.ts';
import type { Scheduler } from './scheduler.ts';

const OFF_MAX_MS = 1_000;
const JUMP_MS = 60_000;

export class Brokers {
  readonly #scheduler: Scheduler;
  readonly #offMs: number[];
  #jump = { broker: -1, ms: 0, untilMs: 0 };

  constructor(scheduler: Scheduler, chance: Chance) {
    this.#scheduler = scheduler;
    this.#offMs = Array.from({ length: 3 }, () => chance.below(2 * OFF_MAX_MS + 1) - OFF_MAX_MS);
  }

  get count(): number {
    return this.#offMs.length;
  }

  clockMs(broker: number): number {
    const { nowMs } = this.#scheduler;
    const jumpMs = this.#jump.broker === broker && nowMs < this.#jump.untilMs ? this.#jump.ms : 0;
    return nowMs + (this.#offMs[broker] as number) + jumpMs;
  }

  /** A minute ahead or behind for so long, and back. */
  jump(broker: number, isAhead: boolean, forMs: number): void {
    this.#jump = { broker, ms: isAhead ? JUMP_MS : -JUMP_MS, untilMs: this.#scheduler.nowMs + forMs };
  }

  setRight(): void {
    this.#jump = { broker: -1, ms: 0, untilMs: 0 };
  }
}

/** A process of the simulated fleet: what it waits for comes while it lives, and not while it is frozen (SIGSTOP). */
import type { Scheduler, Timer } from './scheduler.ts';

/** What a process waits for. */
interface Coming {
  readonly what: string;
  readonly action: () => void;
  timer?: Timer;
}

export class Process {
  readonly name: string;
  readonly bornMs: number;
  isAlive = true;
  readonly #scheduler: Scheduler;
  #frozenUntilMs = 0;
  /** Came while it was frozen. */
  readonly #heldBack = new Set<Coming>();

  constructor(scheduler: Scheduler, name: string) {
    this.#scheduler = scheduler;
    this.name = name;
    this.bornMs = scheduler.nowMs;
  }

  after(delayMs: number, what: string, action: () => void): Timer {
    const coming: Coming = { what, action };
    this.#await(coming, delayMs);
    return { cancel: () => (coming.timer?.cancel(), this.#heldBack.delete(coming)) };
  }

  async sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => void this.after(ms, 'goes on', resolve));
  }

  /** What it has sent may still arrive. */
  kill(): void {
    this.isAlive = false;
  }

  freeze(ms: number): void {
    this.#frozenUntilMs = this.#scheduler.nowMs + ms;
  }

  /** What came meanwhile comes now. */
  thaw(): void {
    this.#frozenUntilMs = 0;
    for (const coming of this.#heldBack) {
      coming.timer?.cancel();
      this.#await(coming, 0);
    }
    this.#heldBack.clear();
  }

  #await(coming: Coming, delayMs: number): void {
    coming.timer = this.#scheduler.after(delayMs, `${this.name}: ${coming.what}`, () => {
      this.#heldBack.delete(coming);
      if (!this.isAlive) return;
      const frozenMs = this.#frozenUntilMs - this.#scheduler.nowMs;
      if (frozenMs <= 0) return coming.action();
      this.#heldBack.add(coming);
      this.#await(coming, frozenMs);
    });
  }
}

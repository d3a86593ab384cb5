/** A process of the simulated fleet: what it waits for comes while it lives, and not while it is frozen (SIGSTOP). */
import type { Scheduler, Timer } from './scheduler.ts';

export class Process {
  readonly name: string;
  readonly bornMs: number;
  isAlive = true;
  readonly #scheduler: Scheduler;
  #frozenUntilMs = 0;

  constructor(scheduler: Scheduler, name: string) {
    this.#scheduler = scheduler;
    this.name = name;
    this.bornMs = scheduler.nowMs;
  }

  after(delayMs: number, what: string, action: () => void): Timer {
    let timer = this.#scheduler.after(delayMs, `${this.name}: ${what}`, () => {
      if (!this.isAlive) return;
      const frozenMs = this.#frozenUntilMs - this.#scheduler.nowMs;
      if (frozenMs > 0) timer = this.after(frozenMs, what, action);
      else action();
    });
    return { cancel: () => timer.cancel() };
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

  thaw(): void {
    this.#frozenUntilMs = 0;
  }
}

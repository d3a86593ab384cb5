/** Says the same thing once in a while, however often it happens, and how often it was left out. */
import type { Logger } from './logger.ts';

/** ms. */
const SAID_EACH_MS = 5_000;
/** Things kept apart; further ones share one. */
const THINGS_MAX = 100;
const OTHERS = 'something else';

interface Said {
  atMs: number;
  leftOut: number;
}

export class Sparing {
  readonly #logger: Pick<Logger, 'warn' | 'error'>;
  readonly #nowMs: () => number;
  readonly #said = new Map<string, Said>();

  /** @param monotonicMs never set back, ms */
  constructor(logger: Pick<Logger, 'warn' | 'error'>, monotonicMs: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#nowMs = monotonicMs;
  }

  /** @param what the whole line, the same each time */
  warn(what: string, details: object): void {
    this.#say('warn', what, details);
  }

  error(what: string, details: object): void {
    this.#say('error', what, details);
  }

  #say(level: 'warn' | 'error', what: string, details: object): void {
    const thing = this.#said.has(what) || this.#said.size < THINGS_MAX ? what : OTHERS;
    const before = this.#said.get(thing);
    const nowMs = this.#nowMs();
    if (before !== undefined && nowMs - before.atMs < SAID_EACH_MS) {
      before.leftOut++;
      return;
    }
    this.#said.set(thing, { atMs: nowMs, leftOut: 0 });
    const leftOut = before?.leftOut ?? 0;
    this.#logger[level]({ ...details, ...(leftOut === 0 ? {} : { leftOut }) }, leftOut === 0 ? what : `${what} (left out since: ${leftOut} lines like this)`);
  }
}

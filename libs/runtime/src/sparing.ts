/** Says the same thing once in a while, however often it happens, and how often it was left out. */
import type { Logger } from './logger.ts';

/** ms. */
const SAID_EACH_MS = 5_000;
/** Things kept apart; further ones share one. */
const THINGS_MAX = 100;
const OTHERS = 'something else';

type Level = 'info' | 'warn' | 'error';

interface Said {
  atMs: number;
  leftOut: number;
}

export class Sparing {
  readonly #logger: Pick<Logger, Level>;
  readonly #nowMs: () => number;
  readonly #eachMs: number;
  readonly #said = new Map<string, Said>();

  /** @param monotonicMs never set back, ms; @param eachMs for what is no trouble, longer than the default of 5 s */
  constructor(logger: Pick<Logger, Level>, monotonicMs: () => number = () => performance.now(), eachMs = SAID_EACH_MS) {
    this.#logger = logger;
    this.#nowMs = monotonicMs;
    this.#eachMs = eachMs;
  }

  /** @param what the whole line, the same each time */
  info(what: string, details: object): void {
    this.#say('info', what, details);
  }

  warn(what: string, details: object): void {
    this.#say('warn', what, details);
  }

  error(what: string, details: object): void {
    this.#say('error', what, details);
  }

  #say(level: Level, what: string, details: object): void {
    const thing = this.#said.has(what) || this.#said.size < THINGS_MAX ? what : OTHERS;
    const before = this.#said.get(thing);
    const nowMs = this.#nowMs();
    if (before !== undefined && nowMs - before.atMs < this.#eachMs) {
      before.leftOut++;
      return;
    }
    this.#said.set(thing, { atMs: nowMs, leftOut: 0 });
    const leftOut = before?.leftOut ?? 0;
    this.#logger[level]({ ...details, ...(leftOut === 0 ? {} : { leftOut }) }, leftOut === 0 ? what : `${what} (left out since: ${leftOut} lines like this)`);
  }
}

/**
 * Something that this process needs and that can be out of reach: Kafka, Redis. Says so in one clear line when that has
 * lasted a second and each few seconds from then on, once more when it is over, and keeps the process from being ready
 * meanwhile. However often failures are told, no more is said.
 */
import type { Condition, Health } from './health.ts';
import type { Logger } from './logger.ts';

/** A failure that is over sooner is no news: a connection is made anew, a coordinator moves. */
const SAID_AFTER_MS = 1_000;
/** How often an outage that goes on is said again, ms. */
const SAID_EACH_MS = 5_000;
const REASON_CHARS_MAX = 200;
/** With what to do about it: commands. */
const REMEDY_CHARS_MAX = 4_000;

/** It is there, and won't have us or what we ask: a login, a certificate, a right. A person must act; no attempt is in vain once they have. */
export class Refused extends Error {
  override readonly name: string = 'Refused';
}

export interface OutageOptions {
  /** As a person would call it, with the address: "Kafka at 127.0.0.1:9092". Never with a password. */
  readonly what: string;
  /** What comes of it meanwhile: "outcomes wait, at most 10,000 of them". */
  readonly meanwhile: string;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
  readonly health: Pick<Health, 'condition'>;
  /** Never set back, ms; default `performance.now`. */
  readonly monotonicMs?: () => number;
}

export class Outage {
  readonly #options: OutageOptions;
  readonly #condition: Condition;
  readonly #nowMs: () => number;
  #sinceMs: number | undefined;
  #saidMs = -Infinity;

  /** Not reached yet, so not ready. */
  constructor(options: OutageOptions) {
    this.#options = options;
    this.#condition = options.health.condition(options.what, 'not reached yet');
    this.#nowMs = options.monotonicMs ?? (() => performance.now());
  }

  get isOver(): boolean {
    return this.#sinceMs === undefined;
  }

  /** It could not be reached, for this reason. */
  failed(error: unknown): void {
    const nowMs = this.#nowMs();
    this.#sinceMs ??= nowMs;
    const reason = shortReason(error);
    const { what, meanwhile, logger } = this.#options;
    const [state, verb] = error instanceof Refused ? ['refused', 'refuses this process'] : ['out of reach', 'is out of reach'];
    this.#condition.notReady(`${state}: ${reason}`);
    const lastsMs = nowMs - this.#sinceMs;
    if (lastsMs < SAID_AFTER_MS || nowMs - this.#saidMs < SAID_EACH_MS) return;
    this.#saidMs = nowMs;
    logger.warn({ reason }, `${what} ${verb} for ${inSeconds(lastsMs)} (${reason}); ${meanwhile}; trying again`);
  }

  /** It answers. */
  reached(): void {
    this.#condition.ready();
    if (this.#sinceMs === undefined) return;
    const lastedMs = this.#nowMs() - this.#sinceMs;
    const wasSaid = this.#saidMs !== -Infinity;
    this.#sinceMs = undefined;
    this.#saidMs = -Infinity;
    if (!wasSaid) return;
    this.#options.logger.info(`${this.#options.what} is in reach again after ${inSeconds(lastedMs)}`);
  }
}

function inSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** One line; an AggregateError (several addresses of one name) has an empty message of its own. */
function shortReason(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  const text = message !== undefined && message !== '' ? message : (code ?? String(error));
  const [line = ''] = text.split('\n', 1);
  const charsMax = error instanceof Refused ? REMEDY_CHARS_MAX : REASON_CHARS_MAX;
  return line.length <= charsMax ? line : `${line.slice(0, charsMax)}…`;
}

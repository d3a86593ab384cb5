/**
 * Whether a call may be tried again: where the route asks for it, for methods that may be repeated (RFC 9110 9.2.2), while
 * nothing of the body has gone out and nothing of an answer has been passed on, within the upstream's budget.
 */
import type { Retries, UpstreamError } from '../route.ts';
import type { Service } from '../service.ts';
import type { RequestHead } from './request-head.ts';

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

export class Retrying {
  /** Which try it is, from 1. */
  attempt = 1;
  readonly #retries: Retries;
  #mayRepeat: boolean;
  #holdsBudget = false;

  constructor(retries: Retries, { method, upgrade }: RequestHead) {
    this.#retries = retries;
    this.#mayRepeat = IDEMPOTENT.has(method) && upgrade === undefined;
  }

  /** Something of the body goes out: it is not kept, so it can't be sent again. */
  onSent(): void {
    this.#mayRepeat = false;
  }

  wants(why: UpstreamError | number): boolean {
    return this.#mayRepeat && this.attempt <= this.#retries.attempts && this.#retries.on.includes(why);
  }

  /**
   * @param admits asks the breaker once more; told last, so that a try that it admits is made.
   * @returns yes: a try more · no: what there is stands · limit: `maxRetries` is reached.
   */
  ask(why: UpstreamError | number, { budget, pool }: Service, admits: () => boolean): 'yes' | 'no' | 'limit' {
    if (!this.wants(why)) return 'no';
    const granted = this.#holdsBudget ? 'granted' : budget.take(pool.inFlight + pool.pending);
    if (granted === 'budget') return 'no';
    if (granted === 'limit') return 'limit';
    this.#holdsBudget = true;
    if (!admits()) return 'no';
    this.attempt++;
    return 'yes';
  }

  /** The call is over. */
  end({ budget }: Service): void {
    if (this.#holdsBudget) budget.give();
    this.#holdsBudget = false;
  }
}

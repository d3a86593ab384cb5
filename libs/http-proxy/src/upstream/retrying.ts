/**
 * Whether a call may be tried again: where the route asks for it, for methods that may be repeated (RFC 9110 9.2.2) or
 * where the upstream did nothing for it, while nothing of the body has gone out, within the upstream's budget. That
 * nothing of an answer has been passed on is the caller's to know.
 */
import type { Retries, UpstreamError } from '../route.ts';
import type { RetryBudget } from './retry-budget.ts';

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

export interface Asking {
  readonly why: UpstreamError | number;
  /** Of the route, pending ones and this one included. */
  readonly callsInFlight: number;
  /** The upstream did nothing for the call: any method may be repeated. */
  readonly isUntouched?: boolean;
  /** Asks the breaker once more; told last, so that a try that it admits is made. */
  readonly admits: () => boolean;
}

export class Retrying {
  /** Which try it is, from 1. */
  attempt = 1;
  readonly #retries: Retries;
  readonly #budget: RetryBudget;
  readonly #isIdempotent: boolean;
  #isSent = false;
  #holdsBudget = false;

  constructor(retries: Retries, budget: RetryBudget, method: string) {
    this.#retries = retries;
    this.#budget = budget;
    this.#isIdempotent = IDEMPOTENT.has(method);
  }

  /** Something of the body goes out: it is not kept, so it can't be sent again. */
  onSent(): void {
    this.#isSent = true;
  }

  /** @returns yes: a try more · no: what there is stands · limit: `maxRetries` is reached. */
  ask({ why, callsInFlight, isUntouched = false, admits }: Asking): 'yes' | 'no' | 'limit' {
    const mayRepeat = !this.#isSent && (this.#isIdempotent || isUntouched);
    if (!mayRepeat || this.attempt > this.#retries.attempts || !this.#retries.on.includes(why)) return 'no';
    const granted = this.#holdsBudget ? 'granted' : this.#budget.take(callsInFlight);
    if (granted === 'budget') return 'no';
    if (granted === 'limit') return 'limit';
    this.#holdsBudget = true;
    if (!admits()) return 'no';
    this.attempt++;
    return 'yes';
  }

  /** The call is over. */
  end(): void {
    if (this.#holdsBudget) this.#budget.give();
    this.#holdsBudget = false;
  }
}

/**
 * How many retries may be in flight. A retry storm multiplies the load of an upstream that is failing already; a share
 * of the calls in flight can't: with an upstream down for good, at most a fifth of what it gets are retries, and so a
 * fifth of its outcomes. The least is for few calls, where a share would be none.
 */
const CALLS_PER_RETRY = 5;
const RETRIES_MIN = 3;

export class RetryBudget {
  readonly #limits: () => { readonly maxRetries: number };
  #inFlight = 0;

  /** @param limits those in force at the moment. */
  constructor(limits: () => { readonly maxRetries: number }) {
    this.#limits = limits;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * One more retry, which `give` ends.
   *
   * @param callsInFlight of this route, pending ones and the one to be retried included.
   * @returns limit: maxRetries are in flight; budget: a fifth of the calls are, and 3 or more.
   */
  take(callsInFlight: number): 'granted' | 'limit' | 'budget' {
    if (this.#inFlight >= this.#limits().maxRetries) return 'limit';
    if (this.#inFlight >= RETRIES_MIN && (this.#inFlight + 1) * CALLS_PER_RETRY > callsInFlight) return 'budget';
    this.#inFlight++;
    return 'granted';
  }

  give(): void {
    if (this.#inFlight === 0) throw new Error('a retry ended that never began');
    this.#inFlight--;
  }
}

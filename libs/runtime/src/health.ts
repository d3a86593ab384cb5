/**
 * Is the process alive, and is it ready? Alive: its event loop turns (or it would not answer) and nothing is broken for
 * good; a supervisor restarts what isn't. Ready: every condition is met and it isn't stopping; what isn't gets no calls.
 * Degraded: ready by the essential ones, and others are not met.
 */

export interface HealthReport {
  readonly ok: boolean;
  /** JSON for `/healthz` or `/readyz`; what is missing, and why, by name. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Missing {
  readonly name: string;
  /** In words, for people. */
  readonly reason: string;
}

/** One thing that must be so before the process is ready. It begins as not ready. */
export interface Condition {
  ready(): void;
  /** `reason` in words, for people. */
  notReady(reason: string): void;
}

export class Health {
  readonly #broken: string[] = [];
  /** In the order of their making; `why` undefined: met. Parts of one process may use the same name. */
  readonly #conditions: { readonly name: string; why: string | undefined }[] = [];
  readonly #essential: readonly string[] | undefined;
  readonly #role: string | undefined;
  #stopping = false;

  /**
   * @param essential conditions without which it isn't ready; the others are shown and don't count. Default: all are.
   * @param role shown in the answer; absent: none is
   */
  constructor(essential?: readonly string[], role?: string) {
    this.#essential = essential;
    this.#role = role;
  }

  /** @param reason shown until it is met */
  condition(name: string, reason = 'not there yet'): Condition {
    const own = { name, why: reason as string | undefined };
    this.#conditions.push(own);
    return {
      ready: () => void (own.why = undefined),
      notReady: (why) => void (own.why = why),
    };
  }

  /** Only a restart helps. There is no way back. */
  broken(reason: string): void {
    if (!this.#broken.includes(reason) && this.#broken.length < REASONS_MAX) this.#broken.push(reason);
  }

  /** From now on not ready: nothing new should come. */
  stopping(): void {
    this.#stopping = true;
  }

  alive(): HealthReport {
    const ok = this.#broken.length === 0;
    return { ok, body: ok ? { status: 'alive' } : { status: 'broken', reasons: [...this.#broken] } };
  }

  /** What is not met, and why, whether readiness needs it or not. */
  missing(): readonly Missing[] {
    const conditions = this.#conditions.flatMap(({ name, why }) => (why === undefined ? [] : [{ name, reason: why }]));
    return [...conditions, ...this.#ends()];
  }

  ready(): HealthReport {
    const missing = this.missing();
    const ok = this.#ends().length === 0 && !missing.some(({ name }) => this.#essential?.includes(name) ?? true);
    const status = ok ? (missing.length === 0 ? 'ready' : 'degraded') : 'not-ready';
    return { ok, body: { status, ...(this.#role !== undefined && { role: this.#role }), ...(missing.length > 0 && { missing }) } };
  }

  #ends(): readonly Missing[] {
    return [...(this.#stopping ? ['it is stopping'] : []), ...this.#broken].map((reason) => ({ name: 'process', reason }));
  }
}

const REASONS_MAX = 10;

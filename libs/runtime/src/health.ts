/**
 * Is the process alive, and is it ready? Alive: its event loop turns (or it would not answer) and nothing is broken for
 * good; a supervisor restarts what isn't. Ready: every condition is met and it isn't stopping; what isn't gets no calls.
 */

export interface HealthReport {
  readonly ok: boolean;
  /** JSON for `/healthz` or `/readyz`; what is missing, and why, by name. */
  readonly body: Readonly<Record<string, unknown>>;
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
  #stopping = false;

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

  ready(): HealthReport {
    const missing: { name: string; reason: string }[] = [];
    for (const { name, why } of this.#conditions) if (why !== undefined) missing.push({ name, reason: why });
    if (this.#stopping) missing.push({ name: 'process', reason: 'it is stopping' });
    for (const reason of this.#broken) missing.push({ name: 'process', reason });
    const ok = missing.length === 0;
    return { ok, body: ok ? { status: 'ready' } : { status: 'not-ready', missing } };
  }
}

const REASONS_MAX = 10;

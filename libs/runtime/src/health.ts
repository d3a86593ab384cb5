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
  /** By name, in the order of their making; undefined: met. */
  readonly #missing = new Map<string, string | undefined>();
  #stopping = false;

  /** @param reason shown until it is met */
  condition(name: string, reason = 'not there yet'): Condition {
    this.#missing.set(name, reason);
    return {
      ready: () => void this.#missing.set(name, undefined),
      notReady: (why) => void this.#missing.set(name, why),
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
    const missing = [...this.#missing].filter(([, why]) => why !== undefined);
    if (this.#stopping) missing.push(['process', 'it is stopping']);
    for (const why of this.#broken) missing.push(['process', why]);
    const ok = missing.length === 0;
    if (ok) return { ok, body: { status: 'ready' } };
    return { ok, body: { status: 'not-ready', missing: missing.map(([name, reason]) => ({ name, reason })) } };
  }
}

const REASONS_MAX = 10;

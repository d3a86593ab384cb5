/** The upstreams behind the proxies: well, but for their incidents. */
import type { Result } from '#engine';
import type { Chance } from '../support/chance.ts';
import type { Scheduler } from './scheduler.ts';

interface Incident {
  readonly untilMs: number;
  /** In a hundred calls. */
  readonly errors: number;
  readonly slow: number;
}

/** An upstream that is well answers within, and one that isn't takes up to, ms. */
const QUICK_MS = 40;
const SLOW_MS = 600;
/** In a thousand calls to an upstream that is well. */
const STRAY_ERRORS = 20;

export class Upstreams {
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #incidents = new Map<string, Incident>();
  #isAllWell = false;

  constructor(scheduler: Scheduler, chance: Chance) {
    this.#scheduler = scheduler;
    this.#chance = chance;
  }

  befall(upstream: string, { forMs, ...how }: { forMs: number; errors: number; slow: number }): void {
    this.#incidents.set(upstream, { untilMs: this.#scheduler.nowMs + forMs, ...how });
  }

  /** From here on none ever fails. */
  heal(): void {
    this.#isAllWell = true;
  }

  answer(upstream: string): { result: Result; durationMs: number } {
    const chance = this.#chance;
    const incident = this.#incidents.get(upstream);
    const isIll = !this.#isAllWell && incident !== undefined && this.#scheduler.nowMs < incident.untilMs;
    const durationMs = isIll && chance.below(100) < incident.slow ? chance.below(SLOW_MS) : chance.below(QUICK_MS);
    if (isIll ? chance.below(100) >= incident.errors : this.#isAllWell || chance.below(1_000) >= STRAY_ERRORS) return { result: { kind: 'status', code: 200 }, durationMs };
    const result: Result = chance.of([{ kind: 'status', code: 503 }, { kind: 'failure', failure: 'refused' }, { kind: 'grpc', code: 14 }]);
    return { result, durationMs };
  }
}

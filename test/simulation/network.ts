/**
 * The simulated network between processes and services: requests and replies that take their time, get lost, arrive when
 * their sender has given them up, or arrive twice.
 */
import type { Chance } from '../support/chance.ts';
import type { Process } from './process.ts';
import type { Profile } from './profile.ts';
import type { Scheduler } from './scheduler.ts';

export type Service = 'kafka' | 'redis';

/** A service out of reach, as a driver would say it: the one kind of failure that callers are to expect. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

export interface Request<T> {
  readonly to: Service;
  readonly what: string;
  /** What the service does when the request arrives, all at once. */
  readonly serve: () => T;
}

type Fate = 'served' | 'lost' | 'late' | 'reply lost' | 'twice';

/** After which a caller gives up, ms. */
const GIVE_UP_MIN_MS = 100;
const GIVE_UP_MAX_MS = 2_000;
/** How long after that a late request may arrive, ms. */
const LATE_MAX_MS = 6_000;

export class Network {
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #profile: Profile;
  readonly #onFailure: (error: unknown) => void;
  readonly #downUntilMs = new Map<string, number>();
  #isCalm = false;

  /** @param onFailure is told what a service threw */
  constructor({ scheduler, chance, profile, onFailure }: { scheduler: Scheduler; chance: Chance; profile: Profile; onFailure: (error: unknown) => void }) {
    this.#scheduler = scheduler;
    this.#chance = chance;
    this.#profile = profile;
    this.#onFailure = onFailure;
  }

  reseed(seed: number): void {
    this.#chance.reseed(seed);
  }

  /** From here on every request is served and answered. */
  calm(): void {
    this.#isCalm = true;
    this.#downUntilMs.clear();
  }

  /** Out of reach for everybody, or for the process of that name. */
  cut(service: Service, ms: number, name = ''): void {
    this.#downUntilMs.set(`${name}/${service}`, this.#scheduler.nowMs + ms);
  }

  latencyMs(): number {
    const { latencyMs } = this.#profile;
    // Mostly near the mean, now and then many times that.
    return this.#isCalm || this.#chance.below(40) > 0 ? this.#chance.below(2 * latencyMs + 1) : this.#chance.below(20 * latencyMs + 1);
  }

  async call<T>(by: Process, request: Request<T>): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      const fate = this.#fate(by, request.to);
      const what = `${by.name}: ${request.what}`;
      const latencyMs = this.latencyMs();
      if (fate !== 'served' && fate !== 'twice') {
        const giveUpMs = GIVE_UP_MIN_MS + this.#chance.below(GIVE_UP_MAX_MS);
        by.after(giveUpMs, `${request.what} is given up (${fate})`, () => reject(new Unreachable(request.what)));
        if (fate === 'reply lost') this.#scheduler.after(latencyMs, what, () => this.#serve(request));
        else if (fate === 'late') this.#scheduler.after(giveUpMs + this.#chance.below(LATE_MAX_MS), `${what}, late`, () => this.#serve(request));
        return;
      }
      this.#scheduler.after(latencyMs, what, () => {
        const served = this.#serve(request);
        by.after(this.latencyMs(), `${request.what} is answered`, () => ('value' in served ? resolve(served.value) : reject(served.error)));
      });
      if (fate === 'twice') this.#scheduler.after(latencyMs + this.latencyMs(), `${what}, again`, () => this.#serve(request));
    });
  }

  #serve<T>({ serve }: Request<T>): { value: T } | { error: unknown } {
    try {
      return { value: serve() };
    } catch (error) {
      this.#onFailure(error);
      return { error };
    }
  }

  #fate(by: Process, to: Service): Fate {
    if (this.#isDown(`/${to}`) || this.#isDown(`${by.name}/${to}`)) return 'lost';
    if (this.#isCalm) return 'served';
    const dice = this.#chance.below(1_000);
    const { lost, late, replyLost, twice } = this.#profile.rates;
    if (dice < lost) return 'lost';
    if (dice < lost + late) return 'late';
    if (dice < lost + late + replyLost) return 'reply lost';
    return dice < lost + late + replyLost + twice ? 'twice' : 'served';
  }

  #isDown(link: string): boolean {
    return this.#scheduler.nowMs < (this.#downUntilMs.get(link) ?? 0);
  }
}

/** A proxy of the simulated fleet: the real state cache, reporter and log clock, with calls to upstreams that fail when the world says so. */
import { LogClock, Reporter, StateCache, type Admit, type Outcome, type OutcomeLog, type StateUpdate } from '#engine';
import { Unreachable } from './network.ts';
import { Process } from './process.ts';
import { ProxyWatch } from './proxy-watch.ts';
import type { StateSubscription } from './state-subscription.ts';
import { callName } from './truth.ts';
import type { World } from './world.ts';

export class Proxy {
  readonly process: Process;
  readonly subscription: StateSubscription;
  readonly watch: ProxyWatch;
  readonly cache: StateCache;
  readonly reporter: Reporter;
  readonly clock: LogClock;
  /** Told to the reporter. */
  reported = 0;
  readonly #world: World;
  #offMs: number;

  constructor(world: World, name: string, offMs: number) {
    this.#world = world;
    this.process = new Process(world.scheduler, name);
    this.#offMs = offMs;
    const monotonicMs = (): number => this.#monotonicMs;
    this.clock = new LogClock({ wallMs: () => this.#wallMs, monotonicMs });
    const clocks = { nowMs: () => this.clock.nowMs(), monotonicMs };
    const { profile, partitionOf } = world;
    this.cache = new StateCache({ ...clocks, partitions: profile.partitions, partitionOf, stateMaxAgeMs: profile.stateMaxAgeMs });
    this.watch = new ProxyWatch({ ...clocks, name, world });
    this.reporter = new Reporter(this.#log(), {
      reporter: name, idPrefix: `${name}-`, clock: this.clock,
      // Some merge early (L4).
      singlesMax: world.chance.of([200, 3]),
      wake: (afterMs) => void this.process.after(afterMs, 'is woken to send', () => this.reporter.pulse()),
    });
    this.subscription = world.subscribe(this.process, { monotonicMs, listener: (update) => this.#hear(update) });
    this.#pulse();
    void this.#followDocuments().catch((error: unknown) => world.broke(error));
  }

  /** One call. */
  call(upstream: string): void {
    const decision = this.cache.decide(upstream);
    const mustCount = this.watch.check(upstream, decision);
    if (decision.kind === 'refuse') {
      this.#world.count('refused');
      return;
    }
    const { result, durationMs } = this.#world.upstreams.answer(upstream);
    this.process.after(durationMs, `hears from ${upstream}`, () => this.#ended({ upstream, result, durationMs, mustCount }, decision));
  }

  jumpClock(ms: number): void {
    this.#offMs += ms;
  }

  get #wallMs(): number {
    return this.#world.scheduler.nowMs + this.#offMs;
  }

  get #monotonicMs(): number {
    return this.#world.scheduler.nowMs - this.process.bornMs;
  }

  #ended({ mustCount, ...of }: Pick<Outcome, 'upstream' | 'result'> & { durationMs: number; mustCount: boolean }, { admitted, slowTimeThresholdMs, local }: Admit): void {
    if (admitted !== undefined) this.#expect({ reporter: this.process.name, upstream: of.upstream, admitted, atMs: this.clock.nowMs() }, mustCount);
    const call = {
      ...of,
      ...(admitted === undefined ? {} : { admitted }),
      ...(slowTimeThresholdMs === undefined ? {} : { slowTimeThresholdMs }),
      ...(local === undefined ? {} : { local }),
    };
    this.reported++;
    this.reporter.report(call);
    this.watch.judged(call);
    this.cache.judge(call);
  }

  #expect(call: Parameters<typeof callName>[0], mustCount: boolean): void {
    const { expected, hasJumped } = this.#world;
    const name = callName(call);
    expected.set(name, mustCount && !hasJumped && expected.get(name) !== false);
  }

  #hear(update: StateUpdate): void {
    if (update.storeTime !== undefined) {
      this.clock.observeStore(update.storeTime);
      this.watch.clockHeard();
    }
    this.cache.applyStates(update);
    this.watch.hear(update);
  }

  #pulse(): void {
    this.process.after(this.#world.profile.pulseMs, 'pulses', () => {
      this.reporter.pulse();
      this.cache.pulse();
      this.watch.pulse();
      this.#pulse();
    });
  }

  async #followDocuments(): Promise<void> {
    const { network, control, profile } = this.#world;
    for (;;) {
      try {
        const documents = await network.call(this.process, { to: 'redis', what: 'reads documents', serve: () => control.published });
        if (documents !== undefined && this.cache.applyDocuments(documents)) this.watch.hearDocuments(documents);
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
      }
      await this.process.sleep(profile.freshnessMs);
    }
  }

  /** A send may reach some partitions and not others. */
  #log(): OutcomeLog {
    const { network, outcomes, profile, chance } = this.#world;
    const never = async (): Promise<never> => await Promise.reject(new Error('assertion: no proxy asks for this'));
    const append = (all: readonly Outcome[]): number[] => {
      if (chance.below(1_000) >= profile.rates.partial || all.length === 1) return outcomes.append(all);
      outcomes.append(all.slice(0, chance.below(all.length)));
      throw new Unreachable('a part of the send');
    };
    return {
      append: async (all) => {
        const answer = await network.call(this.process, { to: 'kafka', what: `sends ${all.length}`, serve: () => append(all) });
        // Behind whoever asked, who corrects the clock by it.
        queueMicrotask(() => queueMicrotask(() => this.watch.clockHeard()));
        return answer;
      },
      appendMark: never, sendOn: never,
    };
  }
}

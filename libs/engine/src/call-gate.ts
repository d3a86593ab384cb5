/**
 * What whoever makes calls needs, joined: each call is decided from memory (V5), what became of it is told to the log in
 * the background (V6) and judged here meanwhile (V4, V7), all by one clock (T2). A proxy is this with a data plane in
 * front, the client library with a program's own calls; so both decide alike.
 */
import type { Decision } from './decision.ts';
import { LogClock, type OwnClocks } from './log-clock.ts';
import type { DocumentSet, OutcomeLog, StateUpdate } from './ports.ts';
import { Reporter, type Call, type ReporterOptions } from './reporter.ts';
import { StateCache, type StateCacheOptions } from './state-cache.ts';

export interface CallGateOptions extends Omit<ReporterOptions, 'clock' | 'wake'>, Omit<StateCacheOptions, 'nowMs' | 'monotonicMs'> {
  readonly clocks: OwnClocks;
  /** Is to call back after so many ms; absent: what waits for the pace waits for the next call or pulse. */
  readonly wake?: (pulse: () => void, afterMs: number) => void;
}

export class CallGate {
  readonly clock: LogClock;
  readonly cache: StateCache;
  readonly reporter: Reporter;
  readonly #stateMaxAgeMs: number;

  /** @param log where outcomes go */
  constructor(log: Pick<OutcomeLog, 'append'>, options: CallGateOptions) {
    const { clocks, wake, partitions, partitionOf, stateMaxAgeMs, ...reporting } = options;
    this.clock = new LogClock(clocks);
    this.#stateMaxAgeMs = stateMaxAgeMs;
    this.cache = new StateCache({ nowMs: () => this.clock.nowMs(), monotonicMs: clocks.monotonicMs, partitions, partitionOf, stateMaxAgeMs });
    const pulse = (): void => this.reporter.pulse();
    this.reporter = new Reporter(log, { ...reporting, clock: this.clock, ...(wake && { wake: (afterMs) => wake(pulse, afterMs) }) });
  }

  decide(upstream: string): Decision {
    return this.cache.decide(upstream);
  }

  /** What became of a call that `decide` let through. */
  report(call: Call): void {
    this.reporter.report(call);
    this.cache.judge(call);
  }

  hearStates(update: StateUpdate): void {
    if (update.storeTime !== undefined) this.clock.observeStore(update.storeTime);
    this.cache.applyStates(update);
  }

  /** @returns false: passed over, since it is older than what is here. */
  hearDocuments(documents: DocumentSet): boolean {
    return this.cache.applyDocuments(documents);
  }

  /** To be called each 100 ms or so. */
  pulse(): void {
    this.reporter.pulse();
    this.cache.pulse();
  }

  /** V4: why own calls are judged alone, in words; undefined: the fleet's states are known, and not old. */
  get aloneBecause(): string | undefined {
    const { stateAgeMs, judgedLocally } = this.cache;
    if (judgedLocally === 0) return undefined;
    if (stateAgeMs === Infinity) return 'the states have not come yet';
    if (stateAgeMs <= this.#stateMaxAgeMs) return 'the states are not known, or being restored';
    return `not heard of for ${Math.round(stateAgeMs / 1_000)} s; allowed: ${this.#stateMaxAgeMs / 1_000} s`;
  }
}

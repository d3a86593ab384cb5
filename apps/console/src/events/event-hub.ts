/**
 * What the readers of `/api/v1/events` hear: the present state of every breaker, the open ones first, then each change at
 * once, and each second the counts that changed and how fresh all of it is.
 */
import { randomUUID } from 'node:crypto';
import type { Snapshot, TransitionLog } from '#engine';
import { keepFollowing, type Health, type Logger } from '#runtime';
import { breakerJson, thresholdsJson, transitionJson } from '../json.ts';
import { nearness } from '../shared/nearness.ts';
import { summaryJson } from '../fleet/fleet-answers.ts';
import type { FleetView } from '../fleet/fleet-view.ts';
import type { ReadModel } from '../read-model.ts';
import { EventStream, type EventOutlet, type Telling } from './event-stream.ts';
import type { LogEnds } from './log-ends.ts';
import { LastTransitions } from './last-transitions.ts';
import { NearnessHistory, SAMPLE_MS } from './nearness-history.ts';

/** Between two tellings of counts and of freshness, ms. */
const PULSE_MS = 1_000;
/** Between two tellings of the fleet, in pulses. */
const FLEET_EACH = 2;
/** Of a reader's last id: of which run of which console it is, and what of it was told. */
const ID = /^([0-9a-f-]{36}):(\d{1,15})$/;

export interface HubOptions {
  readonly model: ReadModel;
  readonly transitions: TransitionLog;
  readonly ends: LogEnds;
  readonly logger: Logger;
  /** This console, and its version. */
  readonly about: { readonly instance: string; readonly version: string };
  /** What this process lacks to be ready, and how many proxies take their states from it. */
  readonly health: Pick<Health, 'ready'>;
  readonly proxies: () => number;
  readonly fleet: FleetView;
  /** By the wall clock, ms. */
  readonly nowMs: () => number;
}

export interface Reader {
  /** Where it left off, as it says. */
  readonly lastId: string | undefined;
  /** It may also change something. */
  readonly mayWrite: boolean;
}

export class EventHub {
  readonly #options: HubOptions;
  readonly #run = randomUUID();
  readonly #last: LastTransitions;
  readonly #history = new NearnessHistory();
  readonly #streams = new Set<EventStream>();
  /** When each upstream last changed, counts included, as a number that only grows. */
  readonly #changedAt = new Map<string, number>();
  /** Counts that changed since they were told last. */
  readonly #counted = new Set<string>();
  /** Since the last sample. */
  readonly #touched = new Set<string>();
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #stops: (() => unknown)[];
  readonly #telling: Telling;
  #clock = 0;
  /** The clock before the first of `#counted`, which no stream is owed before the pulse. */
  #untold = 0;
  #pulses = 0;
  #isTelling = false;
  #isFollowing = false;

  constructor(options: HubOptions) {
    this.#options = options;
    const { model, transitions } = options;
    this.#last = new LastTransitions(transitions, (upstream) => this.#changed(upstream));
    this.#telling = {
      breaker: (upstream) => this.#breaker(upstream),
      counts: (upstream) => this.#counts(upstream),
      idNow: () => `${this.#run}:${this.#clock}`,
      idOwed: () => `${this.#run}:${this.#counted.size === 0 ? this.#clock : this.#untold}`,
    };
    this.#timers = [setInterval(() => this.#pulse(), PULSE_MS).unref(), setInterval(() => this.#sample(), SAMPLE_MS).unref()];
    this.#stops = [model.onChange((upstream) => this.#changed(upstream)), model.onCounts((upstream) => this.#count(upstream))];
  }

  /** The stream is to be told, and ended. */
  open(outlet: EventOutlet, { lastId, mayWrite }: Reader): EventStream {
    this.#followTransitions();
    const [, run, told] = ID.exec(lastId ?? '') ?? [];
    const isResumed = run === this.#run;
    const names = isResumed ? this.#changedSince(Number(told)) : this.#openFirst();
    const stream = new EventStream(this.#telling, outlet, names);
    const { about, model, nowMs } = this.#options;
    stream.say('hello', { ...about, resumed: isResumed, may_write: mayWrite, sample_ms: SAMPLE_MS, now: new Date(nowMs()).toISOString(), upstreams: model.size });
    stream.say('pulse', this.#freshness());
    if (this.#options.fleet.ageMs !== undefined) stream.say('fleet', summaryJson(this.#options.fleet));
    this.#streams.add(stream);
    return stream;
  }

  get readers(): number {
    return this.#streams.size;
  }

  end(stream: EventStream): void {
    this.#streams.delete(stream);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#streams.clear();
    for (const stop of this.#stops) await stop();
  }

  /** From the first reader on: a console that has none needs no history in memory. */
  #followTransitions(): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    const { logger } = this.#options;
    const condition = { notReady: () => {} };
    this.#stops.push(keepFollowing(() => this.#last.follow(() => this.#openOnes()), { what: 'why breakers opened', condition, logger }));
  }

  #changedSince(told: number): string[] {
    return [...this.#changedAt].filter(([, at]) => at > told).map(([upstream]) => upstream);
  }

  #openFirst(): string[] {
    const { model } = this.#options;
    const [open, others]: [string[], string[]] = [[], []];
    for (const upstream of model.names()) (model.isOpen(upstream) ? open : others).push(upstream);
    return open.concat(others);
  }

  *#openOnes(): Iterable<string> {
    const { model } = this.#options;
    for (const upstream of model.names()) if (model.isOpen(upstream)) yield upstream;
  }

  #breaker(upstream: string): object | undefined {
    const { model } = this.#options;
    const view = model.breaker(upstream);
    if (view === undefined) return undefined;
    const last = this.#last.of(view.snapshot);
    return { ...breakerJson(view, model.policy(upstream)), last_transition: last && transitionJson(last), nearness: this.#history.of(upstream) };
  }

  #counts(upstream: string): readonly unknown[] | undefined {
    const window = this.#options.model.breaker(upstream)?.snapshot.window;
    return window && [upstream, window.total, window.errors, window.slow, window.startedAtMs ?? 0];
  }

  #changed(upstream: string): void {
    this.#changedAt.set(upstream, ++this.#clock);
    for (const stream of this.#streams) stream.changed(upstream);
    if (this.#isTelling || this.#streams.size === 0) return;
    this.#isTelling = true;
    // What else changes in this turn goes into the same event.
    setImmediate(() => {
      this.#isTelling = false;
      for (const stream of this.#streams) stream.tell();
    });
  }

  #count(upstream: string): void {
    if (this.#counted.size === 0) this.#untold = this.#clock;
    this.#changedAt.set(upstream, ++this.#clock);
    this.#counted.add(upstream);
    this.#touched.add(upstream);
  }

  #pulse(): void {
    if (this.#streams.size > 0) void this.#options.ends.ask();
    for (const stream of this.#streams) for (const upstream of this.#counted) stream.counted(upstream);
    this.#counted.clear();
    for (const stream of this.#streams) {
      stream.tell();
      stream.say('pulse', this.#freshness());
    }
    if (this.#pulses++ % FLEET_EACH === 0 && this.#streams.size > 0) void this.#tellFleet();
  }

  async #tellFleet(): Promise<void> {
    const { fleet } = this.#options;
    await fleet.refresh();
    const summary = summaryJson(fleet);
    for (const stream of this.#streams) stream.say('fleet', summary);
  }

  #freshness(): object {
    const { model, ends, nowMs, health, proxies } = this.#options;
    const partitions = model.partitions();
    return {
      now: new Date(nowMs()).toISOString(),
      incomplete: model.incompleteBecause,
      missing: health.ready().body['missing'] ?? [],
      proxies: proxies(),
      readers: this.#streams.size,
      log_problem: ends.problem,
      partitions: partitions.map(({ partition, meta, ageMs }) => ({ partition, age_ms: Math.round(ageMs), log_next_offset: ends.of(partition, meta?.next), ...(meta && metaJson(meta)) })),
    };
  }

  #sample(): void {
    const { model } = this.#options;
    const of = (upstream: string): number => {
      const snapshot = model.breaker(upstream)?.snapshot;
      const policy = model.policy(upstream);
      if (snapshot === undefined || policy === undefined) return 0;
      return this.#hasJustTripped(snapshot) ? 1 : nearness(snapshot.window, thresholdsJson(policy));
    };
    this.#history.sample(this.#touched, of);
    this.#touched.clear();
  }

  /** A trip empties the window: the sample after it is the threshold that it reached. */
  #hasJustTripped({ state, override, sinceMs }: Snapshot): boolean {
    return state === 'open' && override === undefined && this.#options.nowMs() - sinceMs < SAMPLE_MS;
  }
}

function metaJson({ incarnation, next, control, clockMs, restoringTo }: NonNullable<ReturnType<ReadModel['partitions']>[number]['meta']>): object {
  return { incarnation, next_offset: next, control_offset: control, clock: new Date(clockMs).toISOString(), restoring_to: restoringTo };
}

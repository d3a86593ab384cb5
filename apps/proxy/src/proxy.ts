/**
 * The data plane joined to the rest: states and documents come in from the feeds and are kept in memory, calls are
 * decided there without I/O (V5), and what became of them is told to the log in the background (V6).
 */
import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DRIVERS, type Drivers } from '#drivers';
import { LogClock, Reporter, StateCache, type Call, type DocumentSet, type StateUpdate, type Stop } from '#engine';
import { ListenError, createHttpProxy, type CallOutcome, type HttpProxy } from '#http-proxy';
import { RUNTIME, bindError, formatAddress, parseAddress, type Address, type Condition, type Runtime } from '#runtime';
import { countCall } from './call-metrics.ts';
import { routesOf } from './routes.ts';

/** How often waiting outcomes and the states' age are looked at, ms. */
const PULSE_MS = 100;
/** How long calls in flight may take to end when the process stops, and outcomes to be told, ms. */
const DRAIN_MS = 7_000;
const FLUSH_MS = 2_000;
const FAILURE_SAID_EACH_MS = 5_000;

@Injectable()
export class Proxy {
  readonly #drivers: Drivers;
  readonly #runtime: Runtime;
  readonly #clock = new LogClock(Date.now);
  readonly #cache: StateCache;
  readonly #reporter: Reporter;
  readonly #http: HttpProxy;
  readonly #states: Condition;
  readonly #documents: Condition;
  readonly #stops: Stop[] = [];
  #dropped = 0;
  #failureSaidMs = -Infinity;

  constructor(@Inject(DRIVERS) drivers: Drivers, @Inject(RUNTIME) runtime: Runtime) {
    this.#drivers = drivers;
    this.#runtime = runtime;
    const { config, metrics, health } = runtime;
    this.#documents = health.condition('routes', 'the documents have not come yet');
    this.#states = health.condition('states', 'the states have not come yet');
    this.#cache = new StateCache({ nowMs: () => this.#clock.nowMs(), monotonicMs: () => performance.now() });
    this.#reporter = new Reporter(drivers.outcomes, {
      reporter: config.instance,
      idPrefix: `${config.instance}/${Date.now().toString(36)}${randomBytes(4).toString('hex')}-`,
      clock: this.#clock,
      onSendFailed: (error) => this.#sendFailed(error),
    });
    this.#http = createHttpProxy({
      decide: (upstream) => this.#cache.decide(upstream),
      report: (outcome) => this.#reporter.report(callOf(outcome)),
      onCall: (call) => countCall(metrics, call),
      now: () => this.#clock.nowMs(),
    });
  }

  /** Listens once documents and states have come; gives the address with the port that was bound. */
  async start(): Promise<Address> {
    this.#stops.push(await this.#drivers.documentFeed.follow((documents) => this.#onDocuments(documents)));
    this.#stops.push(await this.#drivers.stateFeed.follow((update) => this.#onStates(update)));
    const timer = setInterval(() => this.#pulse(), PULSE_MS);
    const address = await this.#listen();
    this.#stops.unshift(async () => clearInterval(timer));
    return address;
  }

  /** Calls in flight end, then what they came to is told. */
  async stop(): Promise<void> {
    await this.#http.close({ graceMs: DRAIN_MS });
    await Promise.race([this.#reporter.flush(), new Promise((resolve) => setTimeout(resolve, FLUSH_MS).unref())]);
    const { waiting } = this.#reporter;
    if (waiting > 0) this.#runtime.logger.warn({ records: waiting }, `${waiting} records of outcomes could not be told to the log and are lost`);
    for (const stop of this.#stops.splice(0).toReversed()) await stop();
  }

  async #listen(): Promise<Address> {
    try {
      return parseAddress(await this.#http.listen(formatAddress(this.#runtime.config.proxyListen))) as Address;
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      throw bindError(error, this.#runtime.config.proxyListen, 'FUSEBOARD_PROXY_LISTEN (--proxy)');
    }
  }

  #onDocuments(documents: DocumentSet): void {
    this.#cache.applyDocuments(documents);
    const { logger } = this.#runtime;
    this.#http.configure(routesOf(documents.documents)).then(
      (problems) => {
        for (const { route, field, message } of problems) logger.error({ route, field }, `route ${route}: ${field}: ${message}`);
        this.#documents.ready();
      },
      (error: unknown) => logger.error({ err: error }, 'the routes could not be changed; those before stay'),
    );
  }

  #onStates(update: StateUpdate): void {
    this.#cache.applyStates(update);
    this.#runtime.metrics.statesHeard(update.partition, Date.now());
    this.#judgeReadiness();
  }

  #judgeReadiness(): void {
    const { stateAgeMs, isReady } = this.#cache;
    const maxMs = this.#runtime.config.stateMaxAgeMs;
    if (stateAgeMs > maxMs) this.#states.notReady(`not heard of for ${Math.round(stateAgeMs / 1_000)} s; allowed: ${maxMs / 1_000} s`);
    else if (isReady) this.#states.ready();
    else this.#states.notReady('the states are being restored');
  }

  /** A log out of reach fails every send: it is said, and not each time. */
  #sendFailed(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#failureSaidMs < FAILURE_SAID_EACH_MS) return;
    this.#failureSaidMs = nowMs;
    const { waiting } = this.#reporter;
    this.#runtime.logger.warn({ err: error, records: waiting }, 'outcomes could not be told to the log; they are sent again');
  }

  #pulse(): void {
    this.#reporter.pulse();
    this.#judgeReadiness();
    const { dropped } = this.#reporter;
    if (dropped > this.#dropped) this.#runtime.metrics.reportsDropped(dropped - this.#dropped);
    this.#dropped = dropped;
  }
}

function callOf({ upstream, decision: { admitted, slowTimeThresholdMs }, result, durationMs, target, attempt }: CallOutcome): Call {
  return {
    upstream,
    result,
    durationMs,
    target,
    attempt,
    ...(admitted === undefined ? {} : { admitted }),
    ...(slowTimeThresholdMs === undefined ? {} : { slowTimeThresholdMs }),
  };
}

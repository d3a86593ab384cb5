/**
 * The data plane joined to the rest: states and documents come in from the feeds and are kept in memory, calls are
 * decided there without I/O (V5), and what became of them is told to the log in the background (V6).
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProxyDrivers } from '#drivers';
import { CallGate, type Admit, type Call, type CallGateOptions, type DocumentSet, type ProxyVitals, type StateUpdate, type Stop } from '#engine';
import { ListenError, createHttpProxy, type CallOutcome, type HttpProxy } from '#http-proxy';
import { ROUTES, bindError, formatAddress, keepFollowing, parseAddress, readListenerTls, renewListenerTls, type Address, type Condition, type Runtime } from '#runtime';
import { partitionOf } from '#wire';
import { RecentCalls, countCall } from './call-metrics.ts';
import { gaugeDataPlane } from './data-plane-metrics.ts';
import { LocalJudgement } from './local-judgement.ts';
import type { Tracing } from './open-tracing.ts';
import { readOwnDirectory } from './own-directory.ts';
import { routesOf } from './routes.ts';

/** How often waiting outcomes and the states' age are looked at, ms. */
const PULSE_MS = 100;
/** What has gone wrong with routes in service is said again for as long as it lasts, ms. */
const PROBLEMS_SAID_EACH_MS = 60_000;
/** How long outcomes and traces may take to be told when the process stops, ms. */
const FLUSH_MS = 2_000;
const FAILURE_SAID_EACH_MS = 5_000;

export class Proxy {
  readonly #drivers: Omit<ProxyDrivers, 'close'>;
  readonly #runtime: Runtime;
  readonly #tracing: Tracing | undefined;
  readonly #gate: CallGate;
  readonly #localJudgement: LocalJudgement;
  readonly #http: HttpProxy;
  readonly #states: Condition;
  readonly #documents: Condition;
  readonly #stops: Stop[] = [];
  readonly #recent = new RecentCalls();
  #isSynced = false;
  /** Its own directory is served, and that is all that FUSEBOARD_PROXY_READY asks for. */
  #isOwnEnough = false;
  #dropped = 0;
  #failureSaidMs = -Infinity;

  /** @throws {StartError} the listeners' certificate can't be used */
  constructor(drivers: Omit<ProxyDrivers, 'close'>, runtime: Runtime, tracing?: Tracing) {
    this.#drivers = drivers;
    this.#runtime = runtime;
    this.#tracing = tracing;
    const { config, metrics, health } = runtime;
    const { partitions } = drivers;
    this.#documents = health.condition(ROUTES, 'the documents have not come yet');
    this.#states = health.condition('states', 'the states have not come yet');
    this.#gate = new CallGate(drivers.outcomes, {
      clocks: { wallMs: Date.now, monotonicMs: () => performance.now() },
      partitions,
      partitionOf: (upstream) => partitionOf(upstream, partitions),
      stateMaxAgeMs: config.stateMaxAgeMs,
      reporter: config.instance,
      idPrefix: `${config.instance}/${Date.now().toString(36)}${randomBytes(4).toString('hex')}-`,
      ...(config.drivers.kind === 'embedded' ? this.#tellEmbedded() : { wake: (pulse, afterMs) => void setTimeout(pulse, afterMs).unref() }),
    });
    this.#localJudgement = new LocalJudgement(this.#gate.cache, runtime);
    const { timeouts, bounds, trustedNetworks, tls: files } = config.proxy;
    const tls = files === undefined ? undefined : readListenerTls(files);
    this.#http = createHttpProxy({
      timeouts,
      bounds,
      trustedNetworks,
      ...(tls === undefined ? {} : { tls }),
      decide: (upstream) => this.#gate.decide(upstream),
      report: (outcome) => this.#gate.report(callOf(outcome)),
      onCall: (call) => (countCall(metrics, call), this.#recent.add(call)),
      ...(tracing === undefined ? {} : { tracer: tracing.tracer((upstream, decision) => this.#gate.cache.groundOf(upstream, decision)) }),
      now: () => this.#gate.clock.nowMs(),
    });
    gaugeDataPlane(metrics, this.#http);
    if (files === undefined || tls === undefined) return;
    const stopRenewing = renewListenerTls({ files, tls, use: (renewed) => this.#http.setTls(renewed), logger: runtime.logger });
    this.#stops.push(async () => stopRenewing());
  }

  /**
   * Waits for no store and no log: what they have comes when it comes (V4). Feeds of this process tell within the turn,
   * so that the first call finds its route. Gives the address with the port that was bound.
   */
  async start(): Promise<Address> {
    const timers = [setInterval(() => this.#pulse(), PULSE_MS), setInterval(() => this.#sayProblems(), PROBLEMS_SAID_EACH_MS)];
    this.#stops.push(async () => timers.forEach((timer) => clearInterval(timer)));
    const { documentFeed, stateFeed } = this.#drivers;
    const awaited = { notReady: (why: string) => void (this.#isOwnEnough || this.#documents.notReady(why)) };
    this.#follow('the documents', awaited, () => documentFeed.follow((documents) => this.#onDocuments(documents), { withoutBodies: true }));
    this.#follow('the states', this.#states, () => stateFeed.follow((update) => this.#onStates(update), { quietApart: true }));
    await this.#serveOwnDirectory();
    return await this.#listen();
  }

  /** What it says of itself to people. */
  vitals(): ProxyVitals {
    const { stateAgeMs, judgedLocally } = this.#gate.cache;
    return { ...(stateAgeMs < Infinity && { stateAgeMs: Math.round(stateAgeMs) }), judgedAlone: judgedLocally, ...this.#recent.vitals(), waiting: this.#gate.reporter.waiting };
  }

  /** Calls in flight end, then what they came to is told. */
  async stop(): Promise<void> {
    const { logger, config } = this.#runtime;
    const cutOff = await this.#http.close({ graceMs: config.proxy.drainMs });
    if (cutOff > 0) logger.warn({ calls: cutOff }, `${cutOff} calls had not ended after ${config.proxy.drainMs} ms and were cut off`);
    const told = Promise.race([this.#gate.reporter.flush(), sleep(FLUSH_MS, undefined, { ref: false })]);
    await Promise.all([told, this.#tracing?.close(FLUSH_MS)]);
    const { waiting } = this.#gate.reporter;
    if (waiting > 0) logger.warn({ records: waiting }, `${waiting} records of outcomes could not be told to the log and are lost`);
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

  #follow(what: string, condition: Pick<Condition, 'notReady'>, follow: () => Promise<Stop>): void {
    this.#stops.push(keepFollowing(follow, { what, condition, logger: this.#runtime.logger }));
  }

  /** In one process the directory is ingest's, and comes by the control log. */
  async #serveOwnDirectory(): Promise<void> {
    const { config, logger } = this.#runtime;
    if (config.role !== 'proxy' || config.configDir === undefined) return;
    const documents = await readOwnDirectory(config.configDir, logger);
    if (documents === undefined || this.#isSynced) return;
    if (!(await this.#serve(documents)) || config.proxy.ready === 'fleet') return;
    this.#isOwnEnough = true;
    this.#documents.ready();
  }

  #onDocuments(documents: DocumentSet): void {
    this.#isSynced = true;
    void this.#serve(documents).then((isServed) => isServed && this.#documents.ready());
  }

  async #serve(documents: DocumentSet): Promise<boolean> {
    if (!this.#gate.hearDocuments(documents)) return false;
    const { logger } = this.#runtime;
    try {
      this.#sayProblems(await this.#http.configure(routesOf(documents)));
      return true;
    } catch (error) {
      logger.error({ err: error }, 'the routes could not be changed; those before stay');
      return false;
    }
  }

  #onStates(update: StateUpdate): void {
    this.#gate.hearStates(update);
    this.#runtime.metrics.statesHeard(update.partition, Date.now() - ageMsOf(update));
    this.#judgeReadiness();
  }

  #judgeReadiness(): void {
    const { aloneBecause } = this.#gate;
    if (aloneBecause === undefined) this.#states.ready();
    else this.#states.notReady(aloneBecause);
  }

  /** Each outcome is durable before its caller is answered (decision 0010). The fleet's drivers say by themselves that Kafka is out of reach. */
  #tellEmbedded(): Pick<CallGateOptions, 'pacePerCallMs' | 'onSendFailed'> {
    return { pacePerCallMs: 0, onSendFailed: (error) => this.#sendFailed(error) };
  }

  /** A log out of reach fails every send: it is said, and not each time. */
  #sendFailed(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#failureSaidMs < FAILURE_SAID_EACH_MS) return;
    this.#failureSaidMs = nowMs;
    const { waiting } = this.#gate.reporter;
    this.#runtime.logger.warn({ err: error, records: waiting }, 'outcomes could not be told to the log; they are sent again');
  }

  #sayProblems(problems = this.#http.problems()): void {
    for (const { route, field, message } of problems) this.#runtime.logger.error({ route, field }, `route ${route}: ${field}: ${message}`);
  }

  #pulse(): void {
    this.#gate.pulse();
    this.#localJudgement.pulse();
    this.#recent.tick(performance.now());
    this.#judgeReadiness();
    const { dropped } = this.#gate.reporter;
    if (dropped > this.#dropped) this.#runtime.metrics.reportsDropped(dropped - this.#dropped);
    this.#dropped = dropped;
  }
}

/** How long ago the store said it. */
function ageMsOf({ heardMonotonicMs }: StateUpdate): number {
  return heardMonotonicMs === undefined ? 0 : performance.now() - heardMonotonicMs;
}

function callOf({ upstream, decision, result, durationMs, target, attempt }: CallOutcome): Call {
  // The very decision that the cache gave (`CallOutcome.decision`).
  const { admitted, local, slowTimeThresholdMs } = decision as Admit;
  return {
    upstream,
    result,
    durationMs,
    target,
    attempt,
    ...(admitted === undefined ? {} : { admitted }),
    ...(local === undefined ? {} : { local }),
    ...(slowTimeThresholdMs === undefined ? {} : { slowTimeThresholdMs }),
  };
}

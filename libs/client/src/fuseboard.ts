/**
 * The client: what a proxy of Fuseboard's does, for a program's own calls. It decides from memory by the same code
 * (`CallGate`), follows consoles for states, tells Kafka the outcomes, and fails open: where nothing is known, calls pass.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { CallGate, type Call, type Decision } from '#engine';
import { UPSTREAM_CHARS_MAX, partitionOf } from '#wire';
import { breakerOf, type Breaker } from './breaker.ts';
import { readCallResult, type CallResult } from './call-result.ts';
import { GuardedCall, callOf, guard, type GuardOptions, type GuardPort } from './guard.ts';
import type { Dropped, FuseboardOptions } from './options.ts';
import { readOptions } from './settings.ts';
import { openStores, type Stores } from './stores.ts';
import type { UpstreamOpen } from './upstream-open.ts';

/** How often waiting outcomes and the states' age are looked at, ms. */
const PULSE_MS = 100;
const FLUSH_MS = 2_000;
const HOST_CHARS_MAX = 128;

/** A call that the program made by itself, after `decide`. */
export type ReportedCall = CallResult & {
  readonly upstream: string;
  /** What `decide` gave for it. Absent: judged by when it is reported (G2). */
  readonly decision?: Decision;
  /** To the response head, ms, 0 or more. Absent: not slow. */
  readonly durationMs?: number;
  /** Where it went, and which try it was; kept in the log. */
  readonly target?: string;
  readonly attempt?: number;
};

/** How much the client knows, and what waits. */
export interface Standing {
  /** The fleet's states are known, and not old. Else its own calls are judged here, by the last policies known (V4). */
  readonly isKnown: boolean;
  /** Why it isn't, in words. */
  readonly because?: string;
  /** Of the oldest partition's states; Infinity: never heard of. */
  readonly stateAgeMs: number;
  /** Records of outcomes that wait to be sent, or to be acknowledged. */
  readonly waiting: number;
  /** Outcomes dropped so far, for whatever reason. */
  readonly dropped: number;
}

export class Fuseboard {
  readonly #options: FuseboardOptions;
  readonly #stores: Stores;
  readonly #gate: CallGate;
  readonly #port: GuardPort;
  readonly #known = Promise.withResolvers<void>();
  #pulsing: NodeJS.Timeout | undefined;
  #hasDocuments = false;
  #dropped = 0;
  #droppedFull = 0;
  #closing: Promise<void> | undefined;

  /** Connects to nothing until `start`. @throws {OptionError} naming the option @throws Error a certificate can't be used */
  constructor(options: FuseboardOptions) {
    this.#options = options;
    const settings = readOptions(options);
    const { partitions, stateMaxAgeMs, instance = `${hostname().slice(0, HOST_CHARS_MAX)}-${process.pid}-${randomBytes(4).toString('hex')}` } = settings;
    this.#stores = openStores({ ...settings, instance, send: options.send, onProblem: (problem) => this.#say(problem) });
    const clocks = options.clocks ?? { wallMs: Date.now, monotonicMs: () => performance.now() };
    this.#gate = new CallGate(this.#stores.outcomes, {
      clocks,
      partitions,
      partitionOf: (upstream) => partitionOf(upstream, partitions),
      stateMaxAgeMs,
      reporter: instance,
      idPrefix: `${Date.now().toString(36)}${randomBytes(4).toString('hex')}-`,
      wake: (pulse, afterMs) => void setTimeout(pulse, afterMs).unref(),
    });
    this.#port = {
      decide: (upstream) => this.decide(upstream),
      take: (call) => this.#take(call),
      refuseOutcome: (problem) => this.#drop({ reason: 'invalid', count: 1, problem }),
      nowMs: () => this.#gate.clock.nowMs(),
      monotonicMs: clocks.monotonicMs,
    };
    this.#known.promise.catch(() => undefined);
  }

  /** Opened and started. */
  static open(options: FuseboardOptions): Fuseboard {
    const fuseboard = new Fuseboard(options);
    fuseboard.start();
    return fuseboard;
  }

  /** Begins to follow consoles and to reach Kafka, in the background and for as long as it takes. Safe to call twice. */
  start(): void {
    if (this.#pulsing !== undefined || this.#closing !== undefined) return;
    this.#pulsing = setInterval(() => this.#pulse(), PULSE_MS).unref();
    this.#stores.prepare().catch((error: unknown) => this.#failed(error as Error));
    const { console } = this.#stores;
    // Both stay pending until a console tells them, and reject when they are closed.
    const states = console?.stateFeed.follow((update) => {
      this.#gate.hearStates(update);
      this.#settleReady();
    });
    const documents = console?.documentFeed.follow((set) => {
      this.#gate.hearDocuments(set);
      this.#hasDocuments = true;
      this.#settleReady();
    });
    for (const following of [states, documents]) following?.catch(() => undefined);
  }

  /**
   * Settles when the fleet's states and policies are known; nothing needs to wait for it, since calls pass until then.
   * @throws Error the fleet or Kafka won't have this client, in words that name the option; or it was closed
   */
  async ready(): Promise<void> {
    this.start();
    if (this.#stores.console === undefined) return await this.#stores.prepare();
    await this.#known.promise;
  }

  /** May this call be made? From memory: no I/O, and no allocation to speak of. */
  decide(upstream: string): Decision {
    return this.#gate.decide(upstream.toLowerCase());
  }

  /** Makes the call, unless its breaker is open, and reports what became of it, once. @throws UpstreamOpen, or what `fn` throws */
  guard<T>(upstream: string, fn: () => T | PromiseLike<T>, options: GuardOptions<T> = {}): Promise<T> {
    return guard(this.begin(upstream, options), fn, options);
  }

  /** The parts of `guard`, for what is no promise: `end` it once, or it is never told. */
  begin(upstream: string, options: Pick<GuardOptions<unknown>, 'classify' | 'signal'> = {}): GuardedCall | UpstreamOpen {
    return GuardedCall.begin(this.#port, upstream.toLowerCase(), options);
  }

  /** Tells the outcome of a call that the program made by itself. Never throws: what breaks the record's table is dropped, and said. */
  report(call: ReportedCall): void {
    const problem = problemOf(call);
    const result = problem ?? readCallResult(call);
    if (typeof result === 'string') return this.#drop({ reason: 'invalid', count: 1, problem: result });
    const { upstream, decision = { kind: 'admit' }, durationMs, target, attempt } = call;
    if (decision.kind === 'refuse') return this.#drop({ reason: 'invalid', count: 1, problem: 'decision: found a refusal, and a refused call is no outcome; allowed: one that admits' });
    this.#take({
      ...callOf(upstream.toLowerCase(), decision),
      result,
      ...(durationMs === undefined ? {} : { durationMs }),
      ...(target === undefined ? {} : { target }),
      ...(attempt === undefined ? {} : { attempt }),
    });
  }

  /**
   * Asks a console once, with counts, policy and override. Undefined: no policy ever named the upstream.
   * @throws {OptionError} no console is given, or the last one won't have this client
   * @throws Error no console answered
   */
  async get(upstream: string): Promise<Breaker | undefined> {
    const message = await this.#stores.ask(upstream.toLowerCase());
    return message && breakerOf(message);
  }

  get standing(): Standing {
    const { aloneBecause, cache, reporter } = this.#gate;
    const { stateAgeMs } = cache;
    return { isKnown: aloneBecause === undefined, ...(aloneBecause !== undefined && { because: aloneBecause }), stateAgeMs, waiting: reporter.unacknowledged, dropped: this.#dropped + reporter.dropped - this.#droppedFull };
  }

  /** Settles when all that was reported has been acknowledged, or after so long, ms. @returns records that nobody has acknowledged */
  async flush(deadlineMs = FLUSH_MS): Promise<number> {
    const { reporter } = this.#gate;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([reporter.flush(), new Promise((resolve) => (timer = setTimeout(resolve, deadlineMs)))]);
    clearTimeout(timer);
    return reporter.unacknowledged;
  }

  /** Takes no more, tells what waits, for `deadlineMs` at most, and ends its connections. Safe to call twice. */
  close(deadlineMs = FLUSH_MS): Promise<void> {
    return (this.#closing ??= this.#end(deadlineMs));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(deadlineMs: number): Promise<void> {
    const unsent = await this.flush(deadlineMs);
    if (unsent > 0) this.#drop({ reason: 'unsent', count: unsent });
    clearInterval(this.#pulsing);
    this.#known.reject(new Error('the client was closed'));
    await this.#stores.close();
  }

  #take(call: Call): void {
    const problem = upstreamProblem(call.upstream);
    if (problem !== undefined) this.#drop({ reason: 'invalid', count: 1, problem });
    else if (this.#closing === undefined) this.#gate.report(call);
    else this.#drop({ reason: 'closed', count: 1 });
  }

  #settleReady(): void {
    if (this.#hasDocuments && this.#gate.aloneBecause === undefined) this.#known.resolve();
  }

  #failed(error: Error): void {
    if (this.#closing !== undefined) return;
    this.#known.reject(error);
    this.#say(error.message);
  }

  #pulse(): void {
    this.#gate.pulse();
    const full = this.#gate.reporter.dropped - this.#droppedFull;
    if (full === 0) return;
    this.#droppedFull += full;
    this.#drop({ reason: 'full', count: full });
  }

  /** A listener of the program's that throws is no reason to fail its call. */
  #drop(dropped: Dropped): void {
    this.#dropped += dropped.count;
    quietly(() => this.#options.onDropped?.(dropped));
  }

  #say(problem: string): void {
    const { onProblem = (text) => process.emitWarning(text, 'FuseboardWarning') } = this.#options;
    quietly(() => onProblem(problem));
  }
}

function problemOf({ upstream, durationMs }: ReportedCall): string | undefined {
  if (durationMs !== undefined && !(durationMs >= 0 && durationMs <= Number.MAX_SAFE_INTEGER)) return `durationMs: found ${durationMs}, allowed: a number from 0`;
  return upstreamProblem(upstream);
}

function upstreamProblem(upstream: unknown): string | undefined {
  const isOne = typeof upstream === 'string' && upstream.length >= 1 && upstream.length <= UPSTREAM_CHARS_MAX;
  return isOne ? undefined : `upstream: allowed: 1 to ${UPSTREAM_CHARS_MAX} characters`;
}

function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // It has nobody to tell.
  }
}

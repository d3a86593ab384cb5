/**
 * What the data plane tells of a call while it is on its way, for who draws it as a trace: spans, or whatever is behind
 * it. Without a tracer nothing here runs. With one, a call has a context of its own in place of the proxy's: what the
 * call says to its context goes on to both, so that no protocol knows whether it is traced.
 */
import type { ProxyContext } from './context.ts';
import type { Deadlines } from './deadlines.ts';
import type { Judge, Judged, Judgement } from './judge.ts';
import type { Settings } from './options.ts';
import type { Answer, CallOutcome, Decision, Route } from './route.ts';

/** A request as it was read. */
export interface TracedRequest {
  readonly method: string;
  /** Origin-form or `*`, its query included. */
  readonly target: string;
  /** Whom it is for, as the caller wrote it. */
  readonly authority: string | undefined;
  /** Of the client's connection. */
  readonly scheme: 'http' | 'https';
  readonly version: '1.0' | '1.1' | '2';
  /** As they came; several lines joined by commas, which makes no valid `traceparent` (W3C Trace Context 3.2.2). */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

/** What takes the place of the caller's trace headers on the way to the upstream. */
export interface TraceHeaders {
  readonly traceparent: string;
  /** The caller's `tracestate` goes on as it came; else it is of no trace that goes on. */
  readonly keepsState: boolean;
}

export interface CallTracer {
  /** Once for each request that could be read, but for TCP, which has no headers. Must not throw or wait. */
  begin(request: TracedRequest): CallTrace;
}

/** One call. Must not throw or wait; after `end` it hears nothing more. */
export interface CallTrace {
  /** The breaker was asked: once, and again for each try more. */
  decided(route: Route, decision: Decision): void;
  /** A try has a connection. @param reachedAtMs when it reached out, by the monotonic clock. @returns undefined: the headers go on as they came. */
  hop(target: string, reachedAtMs: number): TraceHeaders | undefined;
  /** What became of a try; one that got no connection had no `hop`. */
  outcome(outcome: CallOutcome): void;
  end(answer: Answer, statusCode: number, route: Route | undefined): void;
}

/** The proxy's context, and the trace of one call. */
export class TracedContext implements ProxyContext {
  readonly settings: Settings;
  readonly deadlines: Deadlines;
  readonly judge: Pick<Judge, 'decide' | 'judge'>;
  readonly #proxy: ProxyContext;
  readonly #trace: CallTrace;

  constructor(proxy: ProxyContext, trace: CallTrace) {
    this.settings = proxy.settings;
    this.deadlines = proxy.deadlines;
    this.judge = new TracedJudge(proxy.judge, trace);
    this.#proxy = proxy;
    this.#trace = trace;
  }

  hop(target: string, reachedAtMs: number): TraceHeaders | undefined {
    return this.#trace.hop(target, reachedAtMs);
  }

  report(outcome: CallOutcome): void {
    this.#proxy.report(outcome);
    this.#trace.outcome(outcome);
  }

  answered(answer: Answer, statusCode: number, route?: Route): void {
    this.#proxy.answered(answer, statusCode, route);
    this.#trace.end(answer, statusCode, route);
  }

  began(): void {
    this.#proxy.began();
  }

  finished(answer: Answer, statusCode: number, route?: Route): void {
    this.#proxy.finished(answer, statusCode, route);
    this.#trace.end(answer, statusCode, route);
  }

  flooded(): void {
    this.#proxy.flooded();
  }
}

class TracedJudge implements Pick<Judge, 'decide' | 'judge'> {
  readonly #judge: Pick<Judge, 'decide' | 'judge'>;
  readonly #trace: CallTrace;

  constructor(judge: Pick<Judge, 'decide' | 'judge'>, trace: CallTrace) {
    this.#judge = judge;
    this.#trace = trace;
  }

  decide(route: Route): Decision {
    const decision = this.#judge.decide(route);
    this.#trace.decided(route, decision);
    return decision;
  }

  judge(judged: Judged, target: string): Judgement {
    const judgement = this.#judge.judge(judged, target);
    this.#trace.decided(judged.route, judgement.decision);
    return judgement;
  }
}

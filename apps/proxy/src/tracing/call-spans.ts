/**
 * A call as spans: SERVER for all of it, INTERNAL for each time that the breaker was asked, CLIENT for each try that
 * reached out. Names and values are those of OpenTelemetry's conventions for HTTP, and `fuseboard.…` for what they have
 * no name for. A call that isn't sampled has none of it, but goes on under the same trace, marked so.
 */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Attributes, type Context, type Span, type SpanContext, type Tracer } from '@opentelemetry/api';
import { TraceState, parseTraceParent } from '@opentelemetry/core';
import type { Decision } from '#engine';
import { UPSTREAM_ERRORS, type Answer, type CallOutcome, type CallTrace, type CallTracer, type Route, type TraceHeaders, type TracedRequest } from '#http-proxy';
import type { Logger } from '#runtime';
import type { GroundOf } from '../open-tracing.ts';
import { decisionAttributes, hopAttributes, hopResult, requestAttributes, spanName } from './attributes.ts';

const SERVER = { kind: SpanKind.SERVER } as const;

export interface CallSpansOptions {
  readonly tracer: Tracer;
  readonly groundOf: GroundOf;
  readonly logger: Logger;
  /** Trace headers are read, and written for the upstream. */
  readonly propagates: boolean;
}

export class CallSpans implements CallTracer {
  readonly #options: CallSpansOptions;

  constructor(options: CallSpansOptions) {
    this.#options = options;
  }

  begin(request: TracedRequest): CallTrace {
    const { tracer, propagates } = this.#options;
    const parent = propagates ? parentOf(request) : undefined;
    const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const span = tracer.startSpan(spanName(request), SERVER, context);
    const begun = { request, span, keepsState: parent !== undefined };
    return span.isRecording() ? new RecordedCall(begun, this.#options) : new UnrecordedCall(begun, this.#options);
  }
}

interface Begun {
  readonly request: TracedRequest;
  readonly span: Span;
  /** The caller's trace is the one that goes on. */
  readonly keepsState: boolean;
}

/** W3C Trace Context: what isn't valid begins a new trace. */
function parentOf({ traceparent, tracestate }: TracedRequest): SpanContext | undefined {
  if (traceparent === undefined) return undefined;
  const parent = parseTraceParent(traceparent);
  if (parent === null) return undefined;
  return { ...parent, isRemote: true, ...(tracestate === undefined ? {} : { traceState: new TraceState(tracestate) }) };
}

function headersOf({ traceId, spanId, traceFlags }: SpanContext, keepsState: boolean): TraceHeaders {
  return { traceparent: `00-${traceId}-${spanId}-0${traceFlags & 1}`, keepsState };
}

class UnrecordedCall implements CallTrace {
  readonly #begun: Begun;
  readonly #options: CallSpansOptions;

  constructor(begun: Begun, options: CallSpansOptions) {
    this.#begun = begun;
    this.#options = options;
  }

  decided(): void {}

  /** Nobody will see its spans, so one id serves for all of them. */
  hop(): TraceHeaders | undefined {
    const { span, keepsState } = this.#begun;
    return this.#options.propagates ? headersOf(span.spanContext(), keepsState) : undefined;
  }

  outcome(): void {}

  end(answer: Answer, statusCode: number, route: Route | undefined): void {
    say({ answer, statusCode, route }, this.#begun, this.#options.logger);
  }
}

class RecordedCall implements CallTrace {
  readonly #begun: Begun;
  readonly #options: CallSpansOptions;
  readonly #context: Context;
  /**
   * From the monotonic clock to the wall's, ms. All spans of a call are by one clock, which began with the server's span:
   * those of a proxy whose wall clock is set meanwhile stay within each other.
   */
  readonly #offsetMs: number;
  /** When the decision that comes next began, by the wall clock, ms. */
  #sinceMs: number;
  #isDecided = false;
  #hop: Span | undefined;
  #isHopTold = false;
  #hops = 0;

  constructor(begun: Begun, options: CallSpansOptions) {
    this.#begun = begun;
    this.#options = options;
    this.#context = trace.setSpan(ROOT_CONTEXT, begun.span);
    this.#sinceMs = Date.now();
    this.#offsetMs = this.#sinceMs - performance.now();
    begun.span.setAttributes(requestAttributes(begun.request));
  }

  decided({ upstream }: Route, decision: Decision): void {
    this.#endHop();
    const attributes = decisionAttributes(upstream, decision, this.#options.groundOf);
    // The first: what is decided for a try more is about that try.
    if (!this.#isDecided) this.#begun.span.setAttributes(attributes);
    const startTime = this.#isDecided ? this.#nowMs : this.#sinceMs;
    this.#isDecided = true;
    this.#options.tracer.startSpan('fuseboard.decision', { kind: SpanKind.INTERNAL, startTime, attributes }, this.#context).end(this.#nowMs);
  }

  hop(target: string, reachedAtMs: number): TraceHeaders | undefined {
    const span = this.#beginHop(target, reachedAtMs);
    return this.#options.propagates ? headersOf(span.spanContext(), this.#begun.keepsState) : undefined;
  }

  outcome({ target, result, durationMs }: CallOutcome): void {
    const isOver = this.#hop === undefined;
    const hop = this.#hop ?? this.#beginHop(target, performance.now() - durationMs);
    const { attributes, errorType } = hopResult(result);
    hop.setAttributes(attributes);
    if (errorType !== undefined) fail(hop, errorType);
    this.#isHopTold = true;
    if (isOver) this.#endHop();
  }

  end(answer: Answer, statusCode: number, route: Route | undefined): void {
    const { span } = this.#begun;
    // Behind the head an outcome says nothing more.
    const isBrokenOff = isUpstreamError(answer) && statusCode < 500;
    if (isBrokenOff || (!this.#isHopTold && answer !== 'upstream')) fail(this.#hop, answer);
    else if (!this.#isHopTold) this.#hop?.setAttribute('http.response.status_code', statusCode);
    this.#endHop();
    span.setAttribute('fuseboard.answer', answer);
    if (route?.upstream !== undefined) span.setAttribute('fuseboard.upstream', route.upstream);
    if (statusCode !== 0) span.setAttribute('http.response.status_code', statusCode);
    if (statusCode >= 500 || isBrokenOff) fail(span, answer === 'upstream' ? String(statusCode) : answer);
    span.end(this.#nowMs);
    say({ answer, statusCode, route }, this.#begun, this.#options.logger);
  }

  get #nowMs(): number {
    return performance.now() + this.#offsetMs;
  }

  #beginHop(target: string, reachedAtMs: number): Span {
    this.#endHop();
    const { request } = this.#begun;
    const attributes = hopAttributes(request, target, this.#hops++);
    this.#isHopTold = false;
    this.#hop = this.#options.tracer.startSpan(spanName(request), { kind: SpanKind.CLIENT, startTime: reachedAtMs + this.#offsetMs, attributes }, this.#context);
    return this.#hop;
  }

  #endHop(): void {
    this.#hop?.end(this.#nowMs);
    this.#hop = undefined;
  }
}

function isUpstreamError(answer: Answer): boolean {
  return (UPSTREAM_ERRORS as readonly Answer[]).includes(answer);
}

function fail(span: Span | undefined, errorType: string): void {
  span?.setAttribute('error.type', errorType).setStatus({ code: SpanStatusCode.ERROR });
}

/** So that a call's line leads to its trace, and back. */
function say(ended: { readonly answer: Answer; readonly statusCode: number; readonly route: Route | undefined }, { span, request }: Begun, logger: Logger): void {
  if (!logger.isLevelEnabled('debug')) return;
  const { traceId: trace_id, spanId: span_id, traceFlags } = span.spanContext();
  const { answer, statusCode, route } = ended;
  const upstream: Attributes = route?.upstream === undefined ? {} : { upstream: route.upstream };
  logger.debug({ trace_id, span_id, trace_flags: `0${traceFlags & 1}`, ...upstream, answer, statusCode }, `${request.method} ${route?.upstream ?? ''}: ${answer} ${statusCode}`);
}

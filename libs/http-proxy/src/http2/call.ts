/**
 * One HTTP/2 call on its way through: it waits for a stream to the upstream, passes the request on and the answer back.
 * Each way it can end is here, and each ends it once. Told outside: one outcome for each try that reached an upstream
 * and that the client didn't spoil (O1, O3), and one answer in any case.
 */
import { constants } from 'node:http2';
import type { ProxyContext } from '../context.ts';
import type { Timed } from '../deadlines.ts';
import { failureOf, type ConnectError } from '../failure.ts';
import type { Peer } from '../http1/request-text.ts';
import { CLIENT_TIMEOUT_ANSWER, overflowAnswer } from '../own-answer.ts';
import type { AdmitDecision, Answer, CallOutcome, Overflow, Route, UpstreamError } from '../route.ts';
import type { RetryBudget } from '../upstream/retry-budget.ts';
import { Retrying } from '../upstream/retrying.ts';
import type { Target } from '../upstream/targets.ts';
import { brokenTrailers, failedAnswer, inForm, type Http2Answer } from './answers.ts';
import type { ClientStream, ClientStreamEvents } from './client-stream.ts';
import { grpcResult } from './grpc.ts';
import { headersObject, requestHeaders, responseHead, tracedHeaders } from './headers.ts';
import type { Http2Request } from './request.ts';
import type { SessionPool, StreamWaiter } from './session-pool.ts';
import type { UpstreamSession } from './upstream-session.ts';
import { UpstreamStream, type UpstreamStreamEvents } from './upstream-stream.ts';

/** A call as it was read and admitted. */
export interface Http2Admitted {
  readonly request: Http2Request;
  readonly client: ClientStream;
  readonly peer: Peer;
  readonly route: Route;
  readonly pool: SessionPool;
  readonly budget: RetryBudget;
  readonly decision: AdmitDecision;
}

/** waiting: for a stream · asking: for the response head · answering: its body · over */
type Stage = 'waiting' | 'asking' | 'answering' | 'over';

/** Whose turn it is; `quiet`: nobody's, as in a gRPC stream that has nothing to say. */
type Debt = 'place' | 'head' | 'upstream' | 'client-body' | 'client-read' | 'quiet';

export class Http2Call implements StreamWaiter, UpstreamStreamEvents, ClientStreamEvents, Timed {
  askedAtMs: number;
  dueAtMs = Infinity;
  readonly #call: Http2Admitted;
  readonly #context: ProxyContext;
  #decision: AdmitDecision;
  #stage: Stage = 'waiting';
  #upstream: UpstreamStream | undefined;
  /** Undefined: the route asks for no retries. */
  readonly #retrying: Retrying | undefined;
  #isReading = false;
  #isUpstreamBlocked = false;
  #isTold = false;
  #statusCode = 0;
  #bytesOwed: number | undefined;
  #reachedAtMs = 0;
  #headMs: number | undefined;
  #waitingSinceMs = 0;
  #clientWaitMs = 0;

  constructor(call: Http2Admitted, context: ProxyContext) {
    this.#call = call;
    this.#context = context;
    this.#decision = call.decision;
    this.askedAtMs = context.deadlines.now();
    const { retries } = call.route;
    if (retries !== undefined) this.#retrying = new Retrying(retries, call.budget, call.request.method);
  }

  start(): void {
    this.#call.client.attach(this);
    this.#context.deadlines.add(this);
    this.#ask();
  }

  onSession(session: UpstreamSession, reachedAtMs: number): void {
    const { request, client, peer, route } = this.#call;
    const hasBody = !client.requestEnded;
    this.#stage = 'asking';
    this.#reachedAtMs = reachedAtMs;
    this.#waitingSinceMs = this.#nowMs;
    const trace = this.#context.hop(session.target.label, reachedAtMs);
    const headers = tracedHeaders(requestHeaders(request, peer, route.tls === undefined ? 'http' : 'https'), trace);
    this.#upstream = new UpstreamStream(session, { headers, hasBody }, { events: this, now: this.#context.deadlines.now });
    if (hasBody) {
      this.#isReading = true;
      if (request.expectsContinue) client.info({ ':status': 100 });
      client.readBody();
    }
    this.#rearm();
  }

  onNoSession(error: ConnectError, target: Target, reachedAtMs: number): void {
    if (error === 'no-sockets') {
      this.#overflow('overflow-connections');
      return;
    }
    this.#reachedAtMs = reachedAtMs;
    this.#report({ kind: 'failure', failure: failureOf(error) }, target);
    if (!this.#triesAgain(error, true)) this.#refuse(failedAnswer(error, this.#isGrpc), error);
  }

  onBody(chunk: Buffer): void {
    this.#noteClientMoved();
    this.#isUpstreamBlocked = this.#upstream?.write(chunk) === false;
    if (this.#isUpstreamBlocked) this.#call.client.pause();
    this.#rearm();
  }

  onBodyEnd(trailers: readonly string[] | undefined): void {
    this.#noteClientMoved();
    this.#upstream?.end(trailers);
    this.#rearm();
  }

  onWritable(): void {
    if (!this.#isUpstreamBlocked) return;
    this.#isUpstreamBlocked = false;
    this.#waitingSinceMs = this.#nowMs;
    this.#call.client.resume();
    this.#rearm();
  }

  onInfo(rawHeaders: readonly string[]): void {
    this.#call.client.info(headersObject(rawHeaders));
  }

  onHead(statusCode: number, rawHeaders: readonly string[], isWhole: boolean): void {
    const head = responseHead(rawHeaders, this.#context.settings.bounds.responseHeadBytesMax);
    if (head === undefined || statusCode < 200 || statusCode > 599) {
      this.#upstream?.abandon();
      this.onFail('bad-response', false);
      return;
    }
    this.#headMs = this.#sinceReachedMs;
    if (head.isRefusal) this.#isTold = true;
    else if (!this.#isGrpc || statusCode !== 200) this.#report({ kind: 'status', code: statusCode });
    else if (isWhole) this.#report(grpcResult(rawHeaders));
    if (!head.isRefusal && this.#triesAgain(statusCode, false)) return;
    this.#statusCode = statusCode;
    this.#bytesOwed = this.#call.request.method === 'HEAD' || statusCode === 304 ? undefined : head.contentLength;
    this.#stage = 'answering';
    this.#call.client.head(statusCode, head.headers, isWhole);
    this.#rearm();
  }

  onData(chunk: Buffer): void {
    if (this.#bytesOwed !== undefined) this.#bytesOwed -= chunk.length;
    if (!this.#call.client.body(chunk)) this.#upstream?.pause();
    this.#rearm();
  }

  onDrain(): void {
    this.#upstream?.resume();
    this.#rearm();
  }

  onEnd(trailers: readonly string[] | undefined): void {
    if (this.#bytesOwed !== undefined && this.#bytesOwed > 0) {
      this.onFail('reset', false);
      return;
    }
    if (!this.#isTold) this.#report(grpcResult(trailers ?? []));
    this.#release();
    this.#call.client.end(trailers === undefined ? undefined : headersObject(trailers));
    this.#finish('upstream', this.#statusCode);
  }

  onFail(error: UpstreamError, isUntouched: boolean): void {
    if (!this.#isTold) this.#report({ kind: 'failure', failure: failureOf(error) });
    if (this.#stage === 'answering') this.#breakOff(error);
    else if (!this.#triesAgain(error, isUntouched)) this.#refuse(failedAnswer(error, this.#isGrpc), error);
  }

  onGone(): void {
    this.#abort();
    this.#finish('client-abort', this.#statusCode);
  }

  onDue(): void {
    switch (this.#debt) {
      case 'place':
        this.#overflow('overflow-pending');
        break;
      case 'head':
        this.#upstream?.session.suspect(this.#reachedAtMs);
        this.#timeOut('response-timeout');
        break;
      case 'upstream':
        this.#timeOut('idle-timeout');
        break;
      case 'client-body':
        this.#abort();
        this.#refuse(inForm(CLIENT_TIMEOUT_ANSWER, this.#isGrpc), 'bad-request');
        break;
      case 'client-read':
        this.#abort();
        this.#call.client.breakOff(constants.NGHTTP2_CANCEL);
        this.#finish('client-abort', this.#statusCode);
        break;
      case 'quiet':
    }
  }

  get #nowMs(): number {
    return this.#context.deadlines.now();
  }

  get #isGrpc(): boolean {
    return this.#call.request.isGrpc;
  }

  get #sinceReachedMs(): number {
    const { client } = this.#call;
    // In a gRPC stream the client owes nothing after a message: from then on it is the upstream's time.
    const isWaiting = this.#isReading && !client.requestEnded && !this.#isUpstreamBlocked && !this.#isGrpc;
    const waitMs = this.#clientWaitMs + (isWaiting ? this.#nowMs - this.#waitingSinceMs : 0);
    return Math.max(0, this.#nowMs - this.#reachedAtMs - waitMs);
  }

  get #debt(): Debt {
    const { client, route } = this.#call;
    if (this.#stage === 'waiting') return 'place';
    if (client.isBlocked) return 'client-read';
    if (this.#stage === 'asking' && client.requestEnded) return 'head';
    if (this.#isUpstreamBlocked) return 'upstream';
    // A gRPC stream may say nothing for hours, unless its route has a word on that.
    if (this.#isGrpc && (this.#stage === 'asking' || route.timeouts?.idleMs === undefined)) return 'quiet';
    return this.#stage === 'asking' ? 'client-body' : 'upstream';
  }

  #rearm(): void {
    if (this.#stage !== 'over') this.dueAtMs = this.#nowMs + this.#patienceMs(this.#debt);
  }

  #patienceMs(debt: Debt): number {
    const { timeouts } = this.#context.settings;
    const own = this.#call.route.timeouts;
    const headMs = own?.responseHeadMs ?? timeouts.responseHeadMs;
    switch (debt) {
      case 'place':
        // Not longer than one that got its connection at once could take to its head.
        return this.#call.route.limits.connectTimeoutMs + headMs;
      case 'head':
        return headMs;
      case 'client-body':
        return timeouts.clientBodyMs;
      case 'upstream':
      case 'client-read':
        return own?.idleMs ?? timeouts.idleMs;
      case 'quiet':
        return Infinity;
    }
  }

  #ask(): void {
    this.#stage = 'waiting';
    this.askedAtMs = this.#nowMs;
    this.#rearm();
    const granted = this.#call.pool.acquire(this);
    if (granted !== 'accepted') this.#overflow(granted);
  }

  #noteClientMoved(): void {
    const nowMs = this.#nowMs;
    this.#clientWaitMs += nowMs - this.#waitingSinceMs;
    this.#waitingSinceMs = nowMs;
  }

  /**
   * Whether the call was tried once more, or refused over it. Only where nothing of its body was taken, where the
   * upstream did nothing for it or doing it twice is the same as once (RFC 9110 9.2.2), and where the breaker admits it
   * anew (G2).
   */
  #triesAgain(why: UpstreamError | number, isUntouched: boolean): boolean {
    if (this.#retrying === undefined || this.#isReading) return false;
    const { inFlight, pending } = this.#call.pool;
    const callsInFlight = inFlight + pending + (this.#upstream === undefined ? 1 : 0);
    const granted = this.#retrying.ask({ why, callsInFlight, isUntouched, admits: () => this.#isAdmittedAnew() });
    if (granted === 'no') return false;
    this.#upstream?.abandon();
    this.#release();
    if (granted === 'limit') {
      this.#overflow('overflow-retries');
      return true;
    }
    this.#isTold = false;
    this.#headMs = undefined;
    this.#clientWaitMs = 0;
    this.#ask();
    return true;
  }

  #isAdmittedAnew(): boolean {
    const decision = this.#context.judge.decide(this.#call.route);
    if (decision.kind === 'refuse') return false;
    this.#decision = decision;
    return true;
  }

  #timeOut(error: UpstreamError): void {
    this.#upstream?.abandon();
    this.onFail(error, false);
  }

  #abort(): void {
    if (this.#stage === 'waiting') this.#call.pool.leave(this);
    this.#upstream?.abandon();
    this.#release();
  }

  /** A gRPC caller is told by trailers, any other can only see that the answer has no end. */
  #breakOff(error: UpstreamError): void {
    this.#release();
    if (this.#isGrpc) this.#call.client.end(brokenTrailers(error));
    else this.#call.client.breakOff();
    this.#finish(error, this.#statusCode);
  }

  #overflow(overflow: Overflow): void {
    this.#call.pool.leave(this);
    this.#refuse(inForm(overflowAnswer(overflow), this.#isGrpc), overflow);
  }

  #refuse(answer: Http2Answer, kind: Answer): void {
    this.#release();
    this.#call.client.answer(answer);
    this.#finish(kind, answer.statusCode);
  }

  #release(): void {
    const session = this.#upstream?.session;
    this.#upstream = undefined;
    if (session !== undefined) this.#call.pool.done(session);
  }

  #report(result: CallOutcome['result'], target: Target | undefined = this.#upstream?.session.target): void {
    this.#isTold = true;
    const { route } = this.#call;
    const { upstream, name } = route;
    if (upstream === undefined || target === undefined) return;
    const durationMs = this.#headMs ?? this.#sinceReachedMs;
    this.#context.report({ upstream, route: name, decision: this.#decision, result, durationMs, target: target.label, attempt: this.#retrying?.attempt ?? 1 });
  }

  #finish(answer: Answer, statusCode: number): void {
    if (this.#stage === 'over') return;
    this.#stage = 'over';
    this.#context.deadlines.delete(this);
    this.#retrying?.end();
    this.#context.finished(answer, statusCode, this.#call.route);
  }
}

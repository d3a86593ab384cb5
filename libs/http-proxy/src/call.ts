/**
 * One call on its way through: it waits for a connection, sends the request, passes the answer on. Each way it can
 * end is here, and each ends it once. Told outside: one outcome where it reached an upstream and the client didn't
 * spoil it (O1, O3), and one answer in any case.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AnswerStream } from './answer-stream.ts';
import type { ClientConnection, ServedRequest } from './client-connection.ts';
import type { Timed } from './deadlines.ts';
import { failureOf, type ConnectError } from './failure.ts';
import { isReason, passResponseHead, requestHeadText } from './hop-headers.ts';
import { CLIENT_TIMEOUT_ANSWER, drainThenEnd, errorAnswer, overflowAnswer, sendOwn, type OwnAnswer } from './own-answer.ts';
import { RequestBody, type RequestBodyEvents } from './request-body.ts';
import type { RequestHead } from './request-head.ts';
import type { AdmitDecision, Answer, CallOutcome, Overflow, UpstreamError } from './route.ts';
import type { Service } from './service.ts';
import type { Waiter } from './upstream/pool.ts';
import type { Target } from './upstream/targets.ts';
import type { Exchange, UpstreamConnection } from './upstream-connection.ts';
import type { ProxyContext } from './context.ts';

/** A call as it was read and admitted. */
export interface Admitted {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly client: ClientConnection;
  /** Once it closes, its answers end their connections. */
  readonly listener: { readonly isClosing: boolean };
  readonly head: RequestHead;
  readonly service: Service;
  readonly decision: AdmitDecision;
}

/**
 * waiting: for a connection · sending: the request's body · awaiting: the response head · answering: its body · over
 */
type Stage = 'waiting' | 'sending' | 'awaiting' | 'answering' | 'over';

export class Call implements Waiter<UpstreamConnection>, Exchange, ServedRequest, RequestBodyEvents, Timed {
  readonly askedAtMs: number;
  dueAtMs: number;
  readonly #call: Admitted;
  readonly #context: ProxyContext;
  readonly #answer: AnswerStream;
  #stage: Stage = 'waiting';
  #connection: UpstreamConnection | undefined;
  #body: RequestBody | undefined;
  #reachedAtMs = 0;

  constructor(call: Admitted, context: ProxyContext) {
    this.#call = call;
    this.#context = context;
    this.#answer = new AnswerStream(call.response, () => this.#onClientDrain());
    this.askedAtMs = context.deadlines.now();
    // Not longer than one that got its connection at once could take to its head.
    this.dueAtMs = this.askedAtMs + call.service.route.limits.connectTimeoutMs + context.settings.timeouts.responseHeadMs;
  }

  start(): void {
    const { client, service } = this.#call;
    client.attach(this);
    this.#context.deadlines.add(this);
    const granted = service.pool.acquire(this);
    if (granted !== 'accepted') this.#overflow(granted);
  }

  onConnection(connection: UpstreamConnection, reachedAtMs: number): void {
    const { request, head } = this.#call;
    this.#connection = connection;
    this.#reachedAtMs = reachedAtMs;
    connection.begin(this, request.method === 'HEAD');
    if (head.body.kind === 'none') {
      connection.write(this.#headText(connection));
      connection.endRequest();
      this.#stage = 'awaiting';
      this.dueAtMs = this.#nowMs + this.#context.settings.timeouts.responseHeadMs;
      return;
    }
    this.#stage = 'sending';
    this.#keepMoving();
    if (head.expectsContinue) this.#call.response.writeContinue();
    const isChunked = head.body.kind === 'chunked';
    const body = new RequestBody(request, connection, { isChunked, events: this, now: this.#context.deadlines.now });
    this.#body = body;
    // The parser is about to hand over what it has read of the body: it goes with the head.
    process.nextTick(() => {
      if (this.#stage === 'sending') body.start(this.#headText(connection));
    });
  }

  onNoConnection(error: ConnectError, target: Target, reachedAtMs: number): void {
    this.#reachedAtMs = reachedAtMs;
    if (error === 'no-sockets') {
      this.#overflow('overflow-connections');
      return;
    }
    this.#report({ kind: 'failure', failure: failureOf(error) }, target);
    this.#refuse(errorAnswer(error), error);
  }

  onHead(statusCode: number, reason: string, rawHeaders: string[]): void {
    const passed = statusCode > 599 || !isReason(reason) ? undefined : passResponseHead(rawHeaders, statusCode);
    if (passed === undefined) {
      this.#connection?.abandon();
      this.onFail('bad-response');
      return;
    }
    if (!passed.isRefusal) this.#report({ kind: 'status', code: statusCode });
    const { request, response } = this.#call;
    // With request bytes still to come, the connection's next message could not be found for sure.
    if (this.#call.listener.isClosing || this.#owesBody) response.shouldKeepAlive = false;
    this.#answer.head({ statusCode, reason, headers: passed.headers, contentLength: request.method === 'HEAD' ? undefined : passed.contentLength });
    this.#stage = 'answering';
    this.#keepMoving();
  }

  onBody(chunk: Buffer): void {
    this.#keepMoving();
    if (!this.#answer.body(chunk)) this.#connection?.pause();
  }

  onPause(): void {
    if (this.#stage === 'answering') this.#answer.flush();
  }

  onEnd(): void {
    const { response } = this.#call;
    this.#connection = undefined;
    this.#body?.stop();
    if (this.#owesBody) {
      this.#answer.flush();
      drainThenEnd(this.#call, this.#context.settings.bounds.drainBytesMax);
    } else {
      this.#answer.end();
    }
    this.#finish('upstream', response.statusCode);
  }

  onFail(error: UpstreamError): void {
    const isReported = this.#stage === 'answering';
    this.#body?.stop();
    if (!isReported) this.#report({ kind: 'failure', failure: failureOf(error) });
    if (this.#answer.isSent) this.#breakOff(error);
    else this.#refuse(errorAnswer(error), error);
  }

  onWritable(): void {
    this.#body?.onWritable();
  }

  onProgress(): void {
    this.#keepMoving();
  }

  onSent(): void {
    if (this.#stage !== 'sending') return;
    this.#stage = 'awaiting';
    this.dueAtMs = this.#nowMs + this.#context.settings.timeouts.responseHeadMs;
  }

  onClientGone(): void {
    this.#abort();
    this.#finish('client-abort', this.#answer.isSent ? this.#call.response.statusCode : 0);
  }

  onClientFault(): boolean {
    const isUnanswered = !this.#answer.isSent;
    this.#abort();
    this.#finish('bad-request', isUnanswered ? 400 : this.#call.response.statusCode);
    return isUnanswered;
  }

  onDue(): void {
    switch (this.#stage) {
      case 'waiting':
        this.#overflow('overflow-pending');
        break;
      case 'sending':
        if (this.#body?.isBlocked === true) this.#timeOut('idle-timeout');
        else this.#blameClient();
        break;
      case 'awaiting':
        this.#timeOut('response-timeout');
        break;
      case 'answering':
        if (this.#answer.isBlocked) this.#blameClient();
        else this.#timeOut('idle-timeout');
        break;
      case 'over':
    }
  }

  get #nowMs(): number {
    return this.#context.deadlines.now();
  }

  /** The request's end hasn't come in. */
  get #owesBody(): boolean {
    return this.#call.head.body.kind !== 'none' && !this.#call.request.complete;
  }

  #headText(connection: UpstreamConnection): string {
    const { request, head, service } = this.#call;
    const { rawHeaders, method = 'GET' } = request;
    return requestHeadText({ method, rawHeaders, head, defaultHost: service.defaultHost, isLast: connection.isLast });
  }

  #keepMoving(): void {
    this.dueAtMs = this.#nowMs + this.#context.settings.timeouts.idleMs;
  }

  #onClientDrain(): void {
    this.#keepMoving();
    if (this.#stage === 'answering') this.#connection?.resume();
  }

  #timeOut(error: UpstreamError): void {
    this.#connection?.abandon();
    this.onFail(error);
  }

  /** The client let us wait: no fault of the upstream's, no outcome (O3). */
  #blameClient(): void {
    this.#abort();
    if (this.#stage === 'answering') {
      this.#answer.breakOff();
      this.#finish('client-abort', this.#call.response.statusCode);
    } else {
      this.#refuse(CLIENT_TIMEOUT_ANSWER, 'bad-request');
    }
  }

  #abort(): void {
    this.#body?.stop();
    this.#call.service.pool.leave(this);
    this.#connection?.abandon();
  }

  /** After the head nothing but the connection's end can say that the answer isn't whole. */
  #breakOff(error: UpstreamError): void {
    this.#answer.breakOff();
    this.#finish(error, this.#call.response.statusCode);
  }

  #overflow(overflow: Overflow): void {
    this.#call.service.pool.leave(this);
    this.#refuse(overflowAnswer(overflow), overflow);
  }

  #refuse(answer: OwnAnswer, kind: Answer): void {
    const { request, response, listener, head } = this.#call;
    const owesBody = this.#owesBody && !(head.expectsContinue && this.#connection === undefined);
    const closes = listener.isClosing || answer === CLIENT_TIMEOUT_ANSWER;
    sendOwn({ request, response }, answer, { closes, owesBody, drainBytesMax: this.#context.settings.bounds.drainBytesMax });
    this.#finish(kind, answer.statusCode);
  }

  #report(result: CallOutcome['result'], target: Target | undefined = this.#connection?.target): void {
    const { service, decision } = this.#call;
    const { upstream, name } = service.route;
    if (upstream === undefined || target === undefined) return;
    const durationMs = Math.max(0, this.#nowMs - this.#reachedAtMs - (this.#body?.clientWaitMs ?? 0));
    this.#context.settings.report({ upstream, route: name, decision, result, durationMs, target: target.label, attempt: 1 });
  }

  #finish(answer: Answer, statusCode: number): void {
    if (this.#stage === 'over') return;
    this.#stage = 'over';
    this.#context.deadlines.delete(this);
    const { client, response, service } = this.#call;
    this.#context.finished(answer, statusCode, service.route);
    client.done(response);
  }
}

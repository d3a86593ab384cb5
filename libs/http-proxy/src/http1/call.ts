/**
 * One call on its way through: it waits for a connection, sends the request, passes the answer on; where the route asks
 * for it, once more. Each way it can end is here, and each ends it once. Told outside: one outcome for each try that
 * reached an upstream and that the client didn't spoil (O1, O3), and one answer in any case.
 */
import type { Socket } from 'node:net';
import type { ProxyContext } from '../context.ts';
import { failureOf, type ConnectError } from '../failure.ts';
import { CLIENT_TIMEOUT_ANSWER, errorAnswer, overflowAnswer, type OwnAnswer } from '../own-answer.ts';
import type { AdmitDecision, Answer, CallOutcome, Overflow, UpstreamError } from '../route.ts';
import type { Service } from '../service.ts';
import { Tunnel, type TunnelEnd } from '../tcp/tunnel.ts';
import type { Waiter } from '../upstream/pool.ts';
import { Retrying } from '../upstream/retrying.ts';
import type { Target } from '../upstream/targets.ts';
import type { Exchange, UpstreamConnection } from '../upstream-connection.ts';
import { AnswerStream } from './answer-stream.ts';
import type { ClientConnection } from './client-connection.ts';
import type { ServedCall } from './served-call.ts';
import type { MessageHead } from './message-head.ts';
import { CHUNKED } from './message-parser.ts';
import { RequestBody } from './request-body.ts';
import type { RequestHead } from './request-head.ts';
import { requestText } from './request-text.ts';
import { bodyOut, interimText, readResponseHead, responseText, switchingText } from './response-head.ts';

/** A call as it was read and admitted. */
export interface Admitted {
  readonly client: ClientConnection;
  readonly head: RequestHead;
  readonly service: Service;
  readonly decision: AdmitDecision;
}

/**
 * waiting: for a connection · sending: the request's body · awaiting: the response head · answering: its body ·
 * switched: both sides speak another protocol · over
 */
type Stage = 'waiting' | 'sending' | 'awaiting' | 'answering' | 'switched' | 'over';

/** How a connection that speaks another protocol ended. */
const SWITCHED_ENDS = { done: 'upstream', 'a-reset': 'client-abort', 'b-reset': 'reset', idle: 'idle-timeout', destroyed: 'client-abort' } as const satisfies Record<TunnelEnd, Answer>;
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

export class Call implements Waiter<UpstreamConnection>, Exchange, ServedCall {
  askedAtMs = 0;
  readonly #client: ClientConnection;
  readonly #head: RequestHead;
  readonly #service: Service;
  readonly #context: ProxyContext;
  readonly #answer: AnswerStream;
  readonly #body: RequestBody | undefined;
  /** Undefined: the route asks for no retries. */
  readonly #retrying: Retrying | undefined;
  #decision: AdmitDecision;
  #stage: Stage = 'waiting';
  #connection: UpstreamConnection | undefined;
  /** The head and what is there of the body go out when what is being read has been. */
  #isStartHeld = false;
  #reachedAtMs = 0;
  #statusCode = 0;
  #closes = false;

  constructor({ client, head, service, decision }: Admitted, context: ProxyContext) {
    this.#client = client;
    this.#head = head;
    this.#service = service;
    this.#decision = decision;
    this.#context = context;
    this.#answer = new AnswerStream(client.socket);
    if (head.body !== undefined && head.body !== 0) this.#body = new RequestBody({ isChunked: head.body === CHUNKED, now: context.deadlines.now });
    const { retries } = service.route;
    if (retries !== undefined && head.upgrade === undefined) this.#retrying = new Retrying(retries, service.budget, head.method);
  }

  start(): void {
    this.#client.attach(this);
    this.#try();
  }

  onConnection(connection: UpstreamConnection, reachedAtMs: number): void {
    this.#connection = connection;
    this.#reachedAtMs = reachedAtMs;
    connection.begin(this, { isHeadRequest: this.#head.method === 'HEAD', maySwitch: this.#wantsSwitch });
    if (this.#body === undefined) {
      connection.write(this.#requestText(connection));
      connection.endRequest();
      this.#await();
      return;
    }
    this.#stage = 'sending';
    this.#retrying?.onSent();
    this.#keepMoving();
    if (this.#head.expectsContinue) this.#client.socket.write(CONTINUE, 'latin1');
    // What is being read may bring the body: it goes with the head.
    if (this.#client.isReading) this.#isStartHeld = true;
    else this.#startBody();
  }

  onNoConnection(error: ConnectError, target: Target, reachedAtMs: number): void {
    this.#reachedAtMs = reachedAtMs;
    if (error === 'no-sockets') {
      this.#overflow('overflow-connections');
      return;
    }
    this.#report({ kind: 'failure', failure: failureOf(error) }, target);
    if (!this.#retries(error)) this.#refuse(errorAnswer(error), error);
  }

  onInterim(raw: MessageHead): void {
    const head = readResponseHead(raw);
    if (head === undefined) {
      this.#giveUp('bad-response');
      return;
    }
    // 100 is between us and the client, and was said where it was asked for.
    if (head.statusCode !== 100 && !this.#head.isHttp10) this.#answer.interim(interimText(raw, head));
    this.#keepMoving();
  }

  onHead(raw: MessageHead, body: number): void {
    const head = readResponseHead(raw);
    if (head === undefined) {
      this.#giveUp('bad-response');
      return;
    }
    const { statusCode, isRefusal } = head;
    if (!isRefusal) this.#report({ kind: 'status', code: statusCode });
    if (!isRefusal && this.#retries(statusCode)) return;
    // With request bytes still to come, the connection's next message could not be found for sure.
    this.#closes = this.#client.closes || !this.#client.isRequestWhole;
    const out = bodyOut(body, this.#head);
    this.#closes ||= out === 'until-close';
    this.#statusCode = statusCode;
    this.#answer.head(responseText(raw, head, { body: out, closes: this.#closes }), out);
    this.#stage = 'answering';
    this.#keepMoving();
  }

  onBody(chunk: Buffer): void {
    this.#answer.body(chunk);
    if (this.#answer.isBlocked) this.#awaitReader();
    else this.#keepMoving();
  }

  onPause(): void {
    if (this.#stage !== 'answering') return;
    this.#answer.flush();
    if (this.#answer.isBlocked) this.#awaitReader();
  }

  onEnd(trailers: readonly string[]): void {
    this.#connection = undefined;
    this.#body?.stop();
    this.#answer.end(trailers);
    this.#finish('upstream', this.#statusCode);
  }

  onFail(error: UpstreamError): void {
    const isReported = this.#stage === 'answering';
    if (!isReported) this.#report({ kind: 'failure', failure: failureOf(error) });
    if (!isReported && this.#retries(error)) return;
    this.#body?.stop();
    if (this.#answer.isSent) this.#breakOff(error);
    else this.#refuse(errorAnswer(error), error);
  }

  onWritable(): void {
    if (this.#body === undefined || this.#body.isWhole) return;
    this.#body.onWritable();
    this.#keepMoving();
    this.#client.resume();
  }

  /** Counts as in flight until both sides have ended. */
  onSwitched(raw: MessageHead, socket: Socket, rest: Buffer): void {
    const head = readResponseHead(raw);
    const chosen = valueOfUpgrade(raw);
    if (head === undefined || chosen === undefined || !this.#asksFor(chosen)) {
      socket.destroy();
      this.onFail('bad-response');
      return;
    }
    this.#report({ kind: 'status', code: 101 });
    this.#stage = 'switched';
    const fromClient = this.#client.leave();
    this.#client.socket.write(switchingText(raw, head, chosen), 'latin1');
    const { deadlines } = this.#context;
    // eslint-disable-next-line no-new -- it lives as long as its sockets
    new Tunnel(this.#client.socket, socket, { deadlines, fromA: fromClient, fromB: rest.length === 0 ? undefined : rest, onEnd: (how) => this.#finish(SWITCHED_ENDS[how], 101) });
  }

  onRequestBody(chunk: Buffer): void {
    if (this.#body === undefined || this.#stage === 'over') return;
    this.#body.push(chunk);
    if (this.#connection === undefined || this.#isStartHeld) return;
    this.#keepMoving();
    if (this.#body.isBlocked) this.#client.pause();
  }

  onRequestEnd(trailers: readonly string[]): void {
    this.#body?.end(trailers);
    // Paused, it could leave unseen.
    this.#client.resume();
    if (this.#stage === 'sending' && !this.#isStartHeld) this.#await();
  }

  onRead(): void {
    if (this.#isStartHeld) this.#startBody();
    // Without a connection more of the body has no place.
    if (this.#stage === 'waiting' && this.#body?.isWhole === false) this.#client.pause();
  }

  onDrain(): void {
    this.#client.awaitReader(false);
    if (this.#stage !== 'answering') return;
    this.#keepMoving();
    this.#connection?.resume();
  }

  onClientGone(): void {
    this.#abort();
    this.#end('client-abort', this.#answer.isSent ? this.#statusCode : 0);
  }

  onClientFault(statusCode: number): boolean {
    const isUnanswered = !this.#answer.isSent;
    this.#abort();
    this.#end('bad-request', isUnanswered ? statusCode : this.#statusCode);
    return isUnanswered;
  }

  onDue(): void {
    switch (this.#stage) {
      case 'waiting':
        this.#overflow('overflow-pending');
        break;
      case 'sending':
        if (this.#body?.isBlocked === true) this.#giveUp('idle-timeout');
        else this.#blameClient();
        break;
      case 'awaiting':
        this.#giveUp('response-timeout');
        break;
      case 'answering':
        this.#giveUp('idle-timeout');
        break;
      case 'switched':
      case 'over':
    }
  }

  get #nowMs(): number {
    return this.#context.deadlines.now();
  }

  get #wantsSwitch(): boolean {
    const { upgrade } = this.#head;
    return upgrade !== undefined && upgrade.toLowerCase() !== 'h2c';
  }

  #asksFor(protocol: string): boolean {
    const asked = this.#head.upgrade?.toLowerCase().split(',') ?? [];
    return asked.some((each) => each.trim() === protocol.toLowerCase());
  }

  #try(): void {
    this.#stage = 'waiting';
    this.askedAtMs = this.#nowMs;
    // Not longer than one that got its connection at once could take to its head.
    this.#client.dueAtMs = this.askedAtMs + this.#service.route.limits.connectTimeoutMs + this.#service.responseHeadMs;
    const granted = this.#service.pool.acquire(this);
    if (granted !== 'accepted') this.#overflow(granted);
  }

  /** True: the call goes on with another try, or has been refused for want of one. */
  #retries(why: UpstreamError | number): boolean {
    const retrying = this.#retrying;
    if (retrying === undefined) return false;
    const { inFlight, pending } = this.#service.pool;
    const isCounted = this.#connection?.phase === 'busy';
    const granted = retrying.ask({ why, callsInFlight: inFlight + pending + (isCounted ? 0 : 1), admits: () => this.#decideAgain() });
    if (granted === 'no') return false;
    // Before the next try asks for its place: this one's is free then.
    this.#connection?.abandon();
    this.#connection = undefined;
    this.#answer.forget();
    if (granted === 'limit') this.#overflow('overflow-retries');
    else this.#try();
    return true;
  }

  /** A breaker that has opened meanwhile isn't tried again (G2: the next try is admitted anew). */
  #decideAgain(): boolean {
    const decision = this.#context.judge.decide(this.#service.route);
    if (decision.kind === 'refuse') return false;
    this.#decision = decision;
    return true;
  }

  #requestText(connection: UpstreamConnection): string {
    const { peer, rawHead } = this.#client;
    const trace = this.#context.hop(connection.target.label, this.#reachedAtMs);
    return requestText(rawHead, this.#head, { peer, defaultHost: this.#service.defaultHost, isLast: connection.isLast, trace });
  }

  #startBody(): void {
    this.#isStartHeld = false;
    const connection = this.#connection;
    if (this.#stage !== 'sending' || connection === undefined || this.#body === undefined) return;
    this.#body.start(connection, this.#requestText(connection));
    if (this.#body.isWhole) this.#await();
    else if (this.#body.isBlocked) this.#client.pause();
    else this.#client.resume();
  }

  #await(): void {
    this.#stage = 'awaiting';
    this.#client.dueAtMs = this.#nowMs + this.#service.responseHeadMs;
  }

  #keepMoving(): void {
    const { clientBodyMs } = this.#context.settings.timeouts;
    const isClientsTurn = this.#stage === 'sending' && this.#body?.isBlocked === false;
    this.#client.dueAtMs = this.#nowMs + (isClientsTurn ? clientBodyMs : this.#service.idleMs);
  }

  /** The client is slower than the upstream, which waits meanwhile. */
  #awaitReader(): void {
    this.#connection?.pause();
    this.#client.dueAtMs = Infinity;
    this.#client.awaitReader(true);
  }

  #giveUp(error: UpstreamError): void {
    this.#connection?.abandon();
    this.onFail(error);
  }

  /** The client let us wait: no fault of the upstream's, no outcome (O3). */
  #blameClient(): void {
    this.#abort();
    this.#refuse(CLIENT_TIMEOUT_ANSWER, 'bad-request');
  }

  #abort(): void {
    this.#body?.stop();
    this.#service.pool.leave(this);
    this.#connection?.abandon();
  }

  /** After the head nothing but the connection's end can say that the answer isn't whole. */
  #breakOff(error: UpstreamError): void {
    this.#client.destroy(this.#answer.endsByClosing);
    this.#end(error, this.#statusCode);
  }

  #overflow(overflow: Overflow): void {
    this.#service.pool.leave(this);
    this.#refuse(overflowAnswer(overflow), overflow);
  }

  #refuse(answer: OwnAnswer, kind: Answer): void {
    if (this.#stage === 'over') return;
    this.#end(kind, answer.statusCode);
    // What was begun of a body can't be told from the next request.
    this.#client.refuse(answer, answer === CLIENT_TIMEOUT_ANSWER);
  }

  #report(result: CallOutcome['result'], target: Target | undefined = this.#connection?.target): void {
    const { upstream, name } = this.#service.route;
    if (upstream === undefined || target === undefined) return;
    const durationMs = Math.max(0, this.#nowMs - this.#reachedAtMs - (this.#body?.clientWaitMs ?? 0));
    this.#context.report({ upstream, route: name, decision: this.#decision, result, durationMs, target: target.label, attempt: this.#retrying?.attempt ?? 1 });
  }

  #finish(answer: Answer, statusCode: number): void {
    if (this.#stage === 'over') return;
    const wasSwitched = this.#stage === 'switched';
    this.#end(answer, statusCode);
    if (!wasSwitched) this.#client.answered(this.#closes);
  }

  #end(answer: Answer, statusCode: number): void {
    if (this.#stage === 'over') return;
    this.#stage = 'over';
    this.#retrying?.end();
    this.#client.dueAtMs = Infinity;
    this.#context.finished(answer, statusCode, this.#service.route);
  }
}

function valueOfUpgrade(raw: MessageHead): string | undefined {
  for (let n = 0; n < raw.count; n++) if (raw.isNamed(n, 'upgrade')) return raw.value(n);
  return undefined;
}

/** HTTP/2 clients: each stream is a call, judged as in HTTP/1: whom it is for, the breaker, the rate limits, the limits. */
import { constants } from 'node:http2';
import type { Socket } from 'node:net';
import type { ProxyContext } from '../context.ts';
import type { Peer } from '../http1/request-text.ts';
import { textAnswer } from '../own-answer.ts';
import { unknownHostAnswer, type Judged } from '../judge.ts';
import type { Answer, Route } from '../route.ts';
import { tracedHttp2 } from '../traced-request.ts';
import type { RetryBudget } from '../upstream/retry-budget.ts';
import { degradedAnswer, inForm, limitedAnswer, type Http2Answer } from './answers.ts';
import { Http2Call } from './call.ts';
import { ClientSession, type ClientSessionEvents } from './client-session.ts';
import type { ClientStream } from './client-stream.ts';
import { readHttp2Request, type Http2Request } from './request.ts';
import type { SessionPool } from './session-pool.ts';

/** As much of a service as calls by HTTP/2 need. */
export interface Http2Service extends Judged {
  /** Of a route of protocol `h2c` or `grpc`; others have none. */
  readonly http2: SessionPool | undefined;
  readonly budget: RetryBudget;
}

export interface Http2FrontEvents {
  find(authority: string): Http2Service | undefined;
  /** Of the listener that the client came in on. */
  own(): Http2Service | undefined;
}

/** A call whose service is known. */
interface Found {
  readonly peer: Peer;
  readonly client: ClientStream;
  readonly request: Http2Request;
  readonly service: Http2Service;
  readonly context: ProxyContext;
}

/** RFC 9110 15.5.20: the client may ask by another connection, of another protocol. */
const MISDIRECTED = textAnswer(421, 'this upstream is called by HTTP/1.1, and not by HTTP/2\n');

export class Http2Front {
  readonly #context: ProxyContext;
  readonly #events: Http2FrontEvents;
  readonly #sessionEvents: ClientSessionEvents;
  readonly #sessions = new Set<ClientSession>();
  readonly #whenEmpty: (() => void)[] = [];
  #isClosing = false;

  constructor(context: ProxyContext, events: Http2FrontEvents) {
    this.#context = context;
    this.#events = events;
    this.#sessionEvents = {
      serve: (peer, client, rawHeaders) => this.#read(peer, client, rawHeaders),
      onClosed: (session, wasFlood) => this.#onClosed(session, wasFlood),
    };
  }

  /**
   * Takes a connection over; nobody else may read or write it from here on.
   *
   * @param first bytes already read, HTTP/2's preface first; empty where TLS agreed on HTTP/2.
   */
  serve(socket: Socket, first: Buffer, peer: Peer): void {
    // It left before anybody looked.
    if (socket.destroyed) return;
    const session = new ClientSession(socket, first, { context: this.#context, peer, events: this.#sessionEvents });
    this.#sessions.add(session);
    if (this.#isClosing) session.close();
  }

  /** Tells every client that it ends, lets the calls in flight end; resolves when no client is left. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const session of this.#sessions) session.close();
    if (this.#sessions.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Cuts every client off. */
  destroy(): void {
    for (const session of this.#sessions) session.destroy();
  }

  #onClosed(session: ClientSession, wasFlood: boolean): void {
    this.#sessions.delete(session);
    if (wasFlood) this.#context.flooded();
    if (this.#sessions.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #read(peer: Peer, client: ClientStream, rawHeaders: readonly string[]): void {
    const request = readHttp2Request(rawHeaders, this.#context.settings.bounds);
    if ('statusCode' in request) {
      this.#answer(client, inForm(textAnswer(request.statusCode, `${request.text}\n`), request.isGrpc), { kind: 'bad-request', context: this.#context });
      return;
    }
    const { tracer } = this.#context.settings;
    const context = tracer === undefined ? this.#context : tracedHttp2(this.#context, tracer, { request, scheme: peer.proto });
    const service = this.#events.own() ?? this.#events.find(request.authority);
    if (service === undefined) {
      this.#answer(client, inForm(unknownHostAnswer(request.authority), request.isGrpc), { kind: 'not-found', context });
    } else {
      this.#judge({ peer, client, request, service, context });
    }
  }

  #judge({ peer, client, request, service, context }: Found): void {
    const { route, http2: pool, budget } = service;
    if (pool === undefined) {
      this.#misdirect({ peer, client, request, service, context });
      return;
    }
    const judgement = context.judge.judge(service, request.path);
    if (judgement.kind === 'degraded') {
      this.#answer(client, degradedAnswer(judgement.answer, request.isGrpc), { kind: 'degraded', route, context });
      return;
    }
    if (judgement.kind === 'rate-limited') {
      this.#answer(client, limitedAnswer(judgement.limit, request.isGrpc), { kind: 'rate-limited', route, context });
      return;
    }
    context.began();
    new Http2Call({ request, client, peer, route, pool, budget, decision: judgement.decision }, context).start();
  }

  /** Where TLS let the client choose it can choose again, and browsers do; a client by prior knowledge is told why. */
  #misdirect({ peer, client, request, service, context }: Found): void {
    if (peer.proto === 'http') {
      this.#answer(client, inForm(MISDIRECTED, request.isGrpc), { kind: 'bad-request', route: service.route, context });
      return;
    }
    client.breakOff(constants.NGHTTP2_HTTP_1_1_REQUIRED);
    context.answered('bad-request', 0, service.route);
  }

  #answer(client: ClientStream, answer: Http2Answer, { kind, route, context }: { readonly kind: Answer; readonly route?: Route; readonly context: ProxyContext }): void {
    client.answer(answer);
    context.answered(kind, answer.statusCode, route);
  }
}

/**
 * The data plane: listeners in front, routes behind, and for each call the way between them. The breaker is asked
 * first, the limits come after it: an open breaker gives its degraded answer whatever the load is.
 */
import { formatAddress, parseAddress } from './address.ts';
import { Clients } from './clients.ts';
import type { ProxyContext } from './context.ts';
import { Deadlines } from './deadlines.ts';
import { Call } from './http1/call.ts';
import type { ClientConnection } from './http1/client-connection.ts';
import { isAuthority, type RequestHead } from './http1/request-head.ts';
import { Http2Front } from './http2/front.ts';
import { Judge, unknownHostAnswer } from './judge.ts';
import { Listener } from './listener.ts';
import type { TraceHeaders } from './trace.ts';
import { tracedHttp1 } from './traced-request.ts';
import { completeOptions, type HttpProxyOptions, type ListenerTls, type Settings } from './options.ts';
import { rateLimitAnswer, textAnswer, type OwnAnswer } from './own-answer.ts';
import type { Answer, Route, RouteProblem, RouteStats } from './route.ts';
import { speaksHttp2, type Service } from './service.ts';
import { ServiceTable, type AnyListener } from './service-table.ts';
import { TcpListener } from './tcp/tcp-listener.ts';
import { Resolver } from './upstream/resolver.ts';

export interface ProxyStats {
  /** Those that were called since they came into service. */
  readonly routes: readonly RouteStats[];
  /** Connections of clients, on all listeners. */
  readonly clientConnections: number;
  /** Calls that went on to an upstream and aren't over. */
  readonly callsInFlight: number;
  /** HTTP/2 connections of clients that were ended for too many resets or invalid frames, since the start. */
  readonly http2Floods: number;
}

export interface HttpProxy {
  /**
   * Opens the main listener, where routes are found by whom the caller names. Once.
   *
   * @param address `HOST:PORT`; port 0 = any free one.
   * @returns where it listens.
   * @throws ListenError; its message names the address.
   */
  listen(address: string): Promise<string>;
  /**
   * Replaces all routes. A route of the same name keeps its connections; calls of one that is gone end undisturbed.
   * What can't be served is returned, the rest is in service when this resolves. One call waits for the one before.
   */
  configure(routes: readonly Route[]): Promise<readonly RouteProblem[]>;
  /** Another certificate, for handshakes from now on. @throws where it can't be read, or the proxy was made without one. */
  setTls(tls: ListenerTls): void;
  /** What has gone wrong since `configure`: files of TLS that changed into what can't be used; those before serve on. */
  problems(): readonly RouteProblem[];
  stats(): ProxyStats;
  /** Where the named route's own listener is; undefined: it has none, or it could not be opened. */
  addressOf(route: string): string | undefined;
  /**
   * Takes no more clients, lets the calls in flight end (with `Connection: close`), closes idle connections. What is
   * left after graceMs is cut off.
   *
   * @returns how many calls were cut off.
   */
  close(options: { readonly graceMs: number }): Promise<number>;
}

export function createHttpProxy(options: HttpProxyOptions): HttpProxy {
  return new DataPlane(completeOptions(options));
}

/** RFC 9110 15.5.20: the client may ask by another connection, of another protocol. */
const MISDIRECTED = textAnswer(421, 'this upstream is called by HTTP/2, and not by HTTP/1.1\n');
const NO_HOST = textAnswer(400, 'the request names no valid host\n');

/** A call whose service is known. */
interface Found {
  readonly client: ClientConnection;
  readonly head: RequestHead;
  readonly service: Service;
}

/** What an answer of our own means. */
interface OwnAnswered {
  readonly kind: Answer;
  readonly closes?: boolean;
  readonly route?: Route;
  readonly context: ProxyContext;
}

class DataPlane implements HttpProxy, ProxyContext {
  readonly settings: Settings;
  readonly deadlines: Deadlines;
  readonly judge: Judge;
  readonly report: ProxyContext['report'];
  readonly #clients: Clients;
  readonly #table: ServiceTable;
  #main: Listener | undefined;
  #configured: Promise<unknown> = Promise.resolve();
  #callsInFlight = 0;
  #http2Floods = 0;
  #isClosed = false;

  constructor(settings: Settings) {
    this.settings = settings;
    this.judge = new Judge(settings);
    this.report = settings.report;
    const { timeouts, bounds } = settings;
    this.deadlines = new Deadlines(settings.monotonicNow, Math.min(...Object.values(timeouts)));
    const connections = {
      keepAliveMs: timeouts.upstreamKeepAliveMs,
      closeMs: timeouts.closeMs,
      responseHeadBytesMax: bounds.responseHeadBytesMax,
      deadlines: this.deadlines,
    };
    this.#clients = new Clients(bounds, settings.trustedNetworks);
    this.#table = new ServiceTable({
      services: { now: this.deadlines.now, timeouts, resolver: new Resolver({ now: this.deadlines.now }), connections },
      createListener: (protocol, service) => (protocol === 'tcp' ? new TcpListener(this, this.#clients, service) : this.#createListener(service)),
    });
  }

  async listen(address: string): Promise<string> {
    const parsed = parseAddress(address);
    if (parsed === undefined) throw new TypeError(`"${address}" is not HOST:PORT`);
    if (this.#main !== undefined) throw new Error('the main listener is open already');
    const listener = this.#createListener(() => undefined);
    await listener.listen(parsed);
    this.#main = listener;
    this.#table.setMainPort(listener.address.port);
    return formatAddress(listener.address);
  }

  async configure(routes: readonly Route[]): Promise<readonly RouteProblem[]> {
    const replaced = this.#configured.then(async () => (this.#isClosed ? [] : this.#table.replace(routes)));
    this.#configured = replaced.catch(() => undefined);
    return await replaced;
  }

  problems(): readonly RouteProblem[] {
    return this.#table.problems();
  }

  stats(): ProxyStats {
    const routes = [...this.#table.services].map(statsOf);
    const clientConnections = this.#listeners.reduce((sum, listener) => sum + listener.clientConnections, 0);
    return { routes, clientConnections, callsInFlight: this.#callsInFlight, http2Floods: this.#http2Floods };
  }

  addressOf(route: string): string | undefined {
    return this.#table.addressOf(route);
  }

  async close({ graceMs }: { readonly graceMs: number }): Promise<number> {
    this.#isClosed = true;
    await this.#configured;
    let cutOff = 0;
    const timer = setTimeout(() => {
      cutOff = this.#callsInFlight;
      for (const listener of this.#listeners) listener.destroy();
      this.#table.destroy();
    }, graceMs);
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    await this.#table.retire();
    clearTimeout(timer);
    this.deadlines.stop();
    return cutOff;
  }

  setTls(tls: ListenerTls): void {
    if (this.settings.tls === undefined) throw new Error('the listeners have no TLS');
    for (const listener of this.#listeners) listener.setTls?.(tls);
  }

  began(): void {
    this.#callsInFlight++;
  }

  hop(): TraceHeaders | undefined {
    return undefined;
  }

  flooded(): void {
    this.#http2Floods++;
  }

  answered(answer: Answer, statusCode: number, route?: Route): void {
    if (route === undefined) this.settings.onCall({ answer, statusCode });
    else if (route.upstream === undefined) this.settings.onCall({ answer, statusCode, route: route.name });
    else this.settings.onCall({ answer, statusCode, route: route.name, upstream: route.upstream });
  }

  finished(answer: Answer, statusCode: number, route?: Route): void {
    this.#callsInFlight--;
    this.answered(answer, statusCode, route);
  }

  get #listeners(): readonly AnyListener[] {
    return this.#main === undefined ? this.#table.listeners : [this.#main, ...this.#table.listeners];
  }

  #createListener(own: () => Service | undefined): Listener {
    const http2 = new Http2Front(this, { own, find: (authority) => this.#table.find(authority) });
    return new Listener(this, this.#clients, {
      mayAccept: () => own()?.connectionBucket?.take() ?? true,
      serve: (client, head) => this.#serve(client, head, own()),
      onUnreadable: (statusCode) => this.answered('bad-request', statusCode),
      speaksHttp2: (name) => {
        const route = own()?.route ?? this.#table.routeOf(name);
        return route !== undefined && speaksHttp2(route);
      },
      serveHttp2: (socket, first, peer) => http2.serve(socket, first, peer),
      closeHttp2: () => http2.close(),
    });
  }

  /** @param own the route of the listener that the call came in on. */
  #serve(client: ClientConnection, head: RequestHead, own: Service | undefined): void {
    const { authority } = head;
    const { tracer } = this.settings;
    const context = tracer === undefined ? this : tracedHttp1(this, tracer, { head, raw: client.rawHead, scheme: client.peer.proto });
    const service = own ?? (authority === undefined ? undefined : this.#table.find(authority));
    if (service === undefined || (authority !== undefined && own !== undefined && !isAuthority(authority))) this.#answerUnknown(client, authority, context);
    else this.#decide({ client, head, service }, context);
  }

  #decide({ client, head, service }: Found, context: ProxyContext): void {
    const { route } = service;
    if (service.http2 !== undefined) {
      this.#answer(client, MISDIRECTED, { kind: 'bad-request', route, context });
      return;
    }
    const judgement = context.judge.judge(service, head.path);
    if (judgement.kind === 'degraded') {
      this.#answer(client, judgement.answer, { kind: 'degraded', route, context });
      return;
    }
    if (judgement.kind === 'rate-limited') {
      this.#answer(client, rateLimitAnswer(judgement.limit), { kind: 'rate-limited', route, context });
      return;
    }
    context.began();
    new Call({ client, head, service, decision: judgement.decision }, context).start();
  }

  /** Nobody is served under this name, or it is none. Never dialled. */
  #answerUnknown(client: ClientConnection, authority: string | undefined, context: ProxyContext): void {
    if (authority === undefined || !isAuthority(authority)) {
      this.#answer(client, NO_HOST, { kind: 'bad-request', closes: true, context });
      return;
    }
    this.#answer(client, unknownHostAnswer(authority), { kind: 'not-found', context });
  }

  #answer(client: ClientConnection, answer: OwnAnswer, how: OwnAnswered): void {
    client.refuse(answer, how.closes);
    how.context.answered(how.kind, answer.statusCode, how.route);
  }
}

function statsOf({ name, route, connections, inFlight, pending }: Service): RouteStats {
  return { route: name, ...(route.upstream === undefined ? {} : { upstream: route.upstream }), connections, inFlight, pending };
}

/**
 * The data plane: listeners in front, routes behind, and for each call the way between them. The breaker is asked
 * first, the limits come after it: an open breaker gives its degraded answer whatever the load is.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { formatAddress, parseAddress } from './address.ts';
import { Call } from './call.ts';
import type { ClientConnection } from './client-connection.ts';
import type { ProxyContext } from './context.ts';
import { Deadlines } from './deadlines.ts';
import { Listener } from './listener.ts';
import { completeOptions, type HttpProxyOptions, type Settings } from './options.ts';
import { sendOwn, textAnswer, type OwnAnswer } from './own-answer.ts';
import { Refusals } from './refusal.ts';
import { isAuthority, readRequestHead, type RequestHead } from './request-head.ts';
import type { AdmitDecision, Answer, Decision, Route, RouteProblem, RouteStats } from './route.ts';
import type { Service } from './service.ts';
import { ServiceTable } from './service-table.ts';
import { Resolver } from './upstream/resolver.ts';
import { UpstreamConnection } from './upstream-connection.ts';

export interface ProxyStats {
  readonly routes: readonly RouteStats[];
  /** Connections of clients, on all listeners. */
  readonly clientConnections: number;
  /** Calls that went on to an upstream and aren't over. */
  readonly callsInFlight: number;
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

/** What comes in on a listener. */
interface Incoming {
  readonly listener: Listener;
  readonly client: ClientConnection;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Of a route without a breaker. */
const PASS: AdmitDecision = { kind: 'admit' };
const HOST_SHOWN_MAX = 255;

class DataPlane implements HttpProxy, ProxyContext {
  readonly settings: Settings;
  readonly deadlines: Deadlines;
  readonly #refusals = new Refusals();
  readonly #table: ServiceTable;
  #main: Listener | undefined;
  #configured: Promise<unknown> = Promise.resolve();
  #callsInFlight = 0;
  #isClosed = false;

  constructor(settings: Settings) {
    this.settings = settings;
    const { timeouts, bounds } = settings;
    this.deadlines = new Deadlines(settings.monotonicNow, Math.min(timeouts.responseHeadMs, timeouts.idleMs, timeouts.upstreamKeepAliveMs));
    const connections = {
      keepAliveMs: timeouts.upstreamKeepAliveMs,
      closeMs: timeouts.closeMs,
      responseHeadBytesMax: bounds.responseHeadBytesMax,
      deadlines: this.deadlines,
    };
    this.#table = new ServiceTable({
      pools: {
        open: (target, owner, connectTimeoutMs) => new UpstreamConnection(target, owner, { ...connections, connectTimeoutMs }),
        now: this.deadlines.now,
        resolver: new Resolver({ now: this.deadlines.now }),
      },
      createListener: (entry) => this.#createListener(() => entry().service),
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

  stats(): ProxyStats {
    const routes = [...this.#table.services].map(({ name, pool }) => ({
      route: name,
      connections: pool.connections,
      inFlight: pool.inFlight,
      pending: pool.pending,
    }));
    const clientConnections = this.#listeners.reduce((sum, listener) => sum + listener.clientConnections, 0);
    return { routes, clientConnections, callsInFlight: this.#callsInFlight };
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

  finished(answer: Answer, statusCode: number, route?: Route): void {
    this.#callsInFlight--;
    this.#tell(answer, statusCode, route);
  }

  get #listeners(): readonly Listener[] {
    return this.#main === undefined ? this.#table.listeners : [this.#main, ...this.#table.listeners];
  }

  #createListener(own: () => Service | undefined): Listener {
    const listener = new Listener(this.settings, {
      serve: (client, request, response) => this.#serve({ listener, client, request, response }, own()),
      onUnreadable: (statusCode) => this.#tell('bad-request', statusCode),
    });
    return listener;
  }

  /** @param own the route of the listener that the call came in on. */
  #serve(incoming: Incoming, own: Service | undefined): void {
    const { request } = incoming;
    const { method = '', url: target = '', httpVersion, rawHeaders } = request;
    const head = readRequestHead({ method, target, httpVersion, rawHeaders }, this.settings.bounds.requestHeadersMax);
    if ('statusCode' in head) {
      this.#answer(incoming, textAnswer(head.statusCode, `${head.text}\n`), { kind: 'bad-request', owesBody: announcesBody(request), closes: true });
      return;
    }
    if (head.endsConnection) incoming.response.shouldKeepAlive = false;
    const service = own ?? (head.authority === undefined ? undefined : this.#table.find(head.authority));
    if (service === undefined) this.#answerUnknown(incoming, head);
    else if (own !== undefined && head.authority !== undefined && !isAuthority(head.authority)) this.#answerUnknown(incoming, head);
    else this.#decide(incoming, head, service);
  }

  #decide(incoming: Incoming, head: RequestHead, service: Service): void {
    const { upstream } = service.route;
    const decision: Decision = upstream === undefined ? PASS : this.settings.decide(upstream);
    if (decision.kind === 'refuse') {
      const answer = this.#refusals.answer(decision, this.settings.now());
      this.#answer(incoming, answer, { kind: 'degraded', owesBody: owesBody(head), closes: false, route: service.route });
      return;
    }
    this.#callsInFlight++;
    new Call({ ...incoming, head, service, decision }, this).start();
  }

  /** Nobody is served under this name, or it is none. Never dialled. */
  #answerUnknown(incoming: Incoming, head: RequestHead): void {
    const { authority } = head;
    if (authority === undefined || !isAuthority(authority)) {
      this.#answer(incoming, textAnswer(400, 'the request names no valid host\n'), { kind: 'bad-request', owesBody: owesBody(head), closes: true });
      return;
    }
    const text = `no upstream is known for ${authority.slice(0, HOST_SHOWN_MAX)}\n`;
    this.#answer(incoming, textAnswer(404, text), { kind: 'not-found', owesBody: owesBody(head), closes: false });
  }

  #answer(incoming: Incoming, answer: OwnAnswer, how: { kind: Answer; owesBody: boolean; closes: boolean; route?: Route }): void {
    const { request, response, client, listener } = incoming;
    const closes = how.closes || listener.isClosing;
    sendOwn({ request, response }, answer, { closes, owesBody: how.owesBody, drainBytesMax: this.settings.bounds.drainBytesMax });
    this.#tell(how.kind, answer.statusCode, how.route);
    client.done(response);
  }

  #tell(answer: Answer, statusCode: number, route?: Route): void {
    if (route === undefined) this.settings.onCall({ answer, statusCode });
    else if (route.upstream === undefined) this.settings.onCall({ answer, statusCode, route: route.name });
    else this.settings.onCall({ answer, statusCode, route: route.name, upstream: route.upstream });
  }
}

/** Of a request that is refused before it is asked for its body. */
function owesBody(head: RequestHead): boolean {
  return head.body.kind !== 'none' && !head.expectsContinue;
}

function announcesBody(request: IncomingMessage): boolean {
  const { headers } = request;
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/**
 * The listener of a TCP route. A connection is judged when it is accepted: breaker, rate, limits, in this order. One
 * that isn't let through is closed at once by a FIN, so that its client reads an end and no error of the network; one
 * that the upstream failed is reset, so that nobody takes the silence for an empty answer.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Address } from '../address.ts';
import type { Clients } from '../clients.ts';
import type { ProxyContext } from '../context.ts';
import type { Peer } from '../http1/request-text.ts';
import { listenedOn, listenOn } from '../listening.ts';
import type { Answer, Route } from '../route.ts';
import { TcpCall, type TcpService } from './tcp-call.ts';

/** TCP has none. */
const NO_STATUS = 0;

export class TcpListener {
  readonly #context: ProxyContext;
  readonly #clients: Clients;
  readonly #service: () => TcpService;
  readonly #server: Server;
  readonly #calls = new Set<TcpCall>();
  readonly #whenEmpty: (() => void)[] = [];
  #isClosing = false;

  /** @param service the route's, as it is when a connection comes in. */
  constructor(context: ProxyContext, clients: Clients, service: () => TcpService) {
    this.#context = context;
    this.#clients = clients;
    this.#service = service;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Those let through: each is a call in flight as well. */
  get clientConnections(): number {
    return this.#calls.size;
  }

  /** Where it listens; a port of 0 has become a real one. Only after `listen`. */
  get address(): Address {
    return listenedOn(this.#server);
  }

  /** @throws ListenError */
  async listen(address: Address): Promise<void> {
    await listenOn(this.#server, address);
  }

  /** Takes no new connections; resolves when those there have ended by themselves. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    if (this.#calls.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Cuts every connection off. */
  destroy(): void {
    for (const call of this.#calls) call.destroy();
  }

  #accept(client: Socket): void {
    // Gone before it was seen: there is nobody to judge.
    if (client.remoteAddress === undefined) {
      client.destroy();
      return;
    }
    const service = this.#service();
    const decision = this.#context.judge.decide(service.route);
    if (decision.kind === 'refuse') {
      this.#refuse(client, 'degraded', service.route);
      return;
    }
    const place = this.#limit(client, service);
    if (typeof place === 'string') {
      this.#refuse(client, place, service.route);
      return;
    }
    this.#context.began();
    const onOver = (call: TcpCall, answer: Answer): void => {
      this.#calls.delete(call);
      this.#clients.leave(place);
      this.#context.finished(answer, NO_STATUS, call.route);
      if (this.#isClosing && this.#calls.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
    };
    this.#calls.add(new TcpCall({ client, service, decision, onOver }, this.#context));
  }

  /** Its place, where it is let through: then a slot is taken for it as well. */
  #limit(client: Socket, { route, connectionBucket, tcpSlots }: TcpService): Peer | 'rate-limited' | 'overflow-connections' {
    if (connectionBucket?.take() === false) return 'rate-limited';
    if (!tcpSlots.take(route.limits.maxConnections)) return 'overflow-connections';
    const place = this.#clients.enter(client);
    if (place === undefined) tcpSlots.give();
    return place ?? 'overflow-connections';
  }

  #refuse(client: Socket, why: Answer, route: Route): void {
    client.on('error', () => undefined).destroy();
    this.#context.answered(why, NO_STATUS, route);
  }
}

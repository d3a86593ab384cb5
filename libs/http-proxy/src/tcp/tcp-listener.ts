/**
 * The listener of a TCP route. A connection is judged when it is accepted: breaker, rate, limits, in this order. One
 * that isn't let through is closed at once by a FIN, so that its client reads an end and no error of the network; one
 * that the upstream failed is reset, so that nobody takes the silence for an empty answer.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Address } from '../address.ts';
import type { ProxyContext } from '../context.ts';
import { ListenError } from '../listen-error.ts';
import type { AdmitDecision, Answer, Decision, Route } from '../route.ts';
import { TcpCall, type TcpService } from './tcp-call.ts';

/** Of a route without a breaker. */
const PASS: AdmitDecision = { kind: 'admit' };

export class TcpListener {
  readonly #context: ProxyContext;
  readonly #service: () => TcpService;
  readonly #server: Server;
  readonly #calls = new Set<TcpCall>();
  readonly #whenEmpty: (() => void)[] = [];
  #isClosing = false;

  /** @param service the route's, as it is when a connection comes in. */
  constructor(context: ProxyContext, service: () => TcpService) {
    this.#context = context;
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
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  /** @throws ListenError */
  async listen(address: Address): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(new ListenError(address, error)));
      this.#server.listen(address.port, address.host, resolve);
    });
    // Accepting can fail for want of file descriptors; it goes on when there are some again.
    this.#server.removeAllListeners('error').on('error', () => undefined);
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
    const service = this.#service();
    const { upstream } = service.route;
    const decision: Decision = upstream === undefined ? PASS : this.#context.settings.decide(upstream);
    if (decision.kind === 'refuse') {
      this.#refuse(client, 'degraded', service.route);
      return;
    }
    const limit = this.#limit(service);
    if (limit !== undefined) {
      this.#refuse(client, limit, service.route);
      return;
    }
    this.#calls.add(new TcpCall({ client, service, decision, onOver: (call, answer, route) => this.#onOver(call, answer, route) }, this.#context));
  }

  #refuse(client: Socket, why: Answer, route: Route): void {
    client.on('error', () => undefined).destroy();
    this.#tell(why, route);
  }

  /** undefined: let through, a slot is taken for it. */
  #limit({ route, connectionBucket, tcpSlots }: TcpService): 'rate-limited' | 'overflow-connections' | undefined {
    if (connectionBucket?.take() === false) return 'rate-limited';
    if (this.#calls.size >= this.#context.settings.bounds.clientConnectionsMax) return 'overflow-connections';
    return tcpSlots.take(route.limits.maxConnections) ? undefined : 'overflow-connections';
  }

  #onOver(call: TcpCall, answer: Answer, route: Route): void {
    this.#calls.delete(call);
    this.#tell(answer, route);
    if (this.#isClosing && this.#calls.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** No status: TCP has none. */
  #tell(answer: Answer, { name: route, upstream }: Route): void {
    this.#context.settings.onCall(upstream === undefined ? { answer, statusCode: 0, route } : { answer, statusCode: 0, route, upstream });
  }
}

/**
 * The upstream that the scenarios call: answers in Fortio's words as the echo server does, remembers every call in the
 * order of arrival, and watches its connections, so that what the proxy says can be held against what arrived.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../apps/cli/src/echo/chance.ts';
import { answerTo } from '../../apps/cli/src/echo/wish.ts';
import { evenlyMixed } from './evenly-mixed.ts';

/** A call as it arrived. */
export interface Arrival {
  readonly status: number;
  readonly delayMs: number;
}

export class WatchedUpstream {
  readonly #server: Server;
  #random: Random = Math.random;
  #arrivals: Arrival[] = [];
  readonly #open = new Set<Socket>();
  readonly #requests = new WeakMap<Socket, number>();
  #connectionsMax = 0;
  #requestsPerConnectionMax = 0;

  private constructor() {
    this.#server = createServer({ keepAliveTimeout: 120_000 }, ({ url, socket }, response) => {
      this.#countRequest(socket);
      void this.#answer(url ?? '/', response);
    });
    this.#server.on('connection', (socket) => this.#countConnection(socket));
  }

  static async start(): Promise<WatchedUpstream> {
    const upstream = new WatchedUpstream();
    await new Promise<void>((resolve, reject) => {
      upstream.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return upstream;
  }

  /** `HOST:PORT`, for an Upstream's targets. */
  get target(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Forgets what was, and begins the seed's sequence. */
  begin(seed: number): void {
    this.#random = evenlyMixed(seed);
    this.#arrivals = [];
    this.#connectionsMax = this.#openNow;
    this.#requestsPerConnectionMax = 0;
  }

  get arrivals(): readonly Arrival[] {
    return this.#arrivals;
  }

  /** Connections open at once, at most. */
  get connectionsMax(): number {
    return this.#connectionsMax;
  }

  get requestsPerConnectionMax(): number {
    return this.#requestsPerConnectionMax;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  /**
   * A connection is over when its caller has ended it (`end`) or we have (`destroyed`). The `close` that follows both
   * is told only after the sockets of this turn of the loop, when the next connection may have been accepted.
   */
  #countConnection(socket: Socket): void {
    this.#open.add(socket);
    for (const over of ['end', 'close'] as const) socket.once(over, () => this.#open.delete(socket));
    this.#connectionsMax = Math.max(this.#connectionsMax, this.#openNow);
  }

  get #openNow(): number {
    return [...this.#open].filter(({ destroyed }) => !destroyed).length;
  }

  #countRequest(socket: Socket): void {
    const requests = (this.#requests.get(socket) ?? 0) + 1;
    this.#requests.set(socket, requests);
    this.#requestsPerConnectionMax = Math.max(this.#requestsPerConnectionMax, requests);
  }

  async #answer(url: string, response: ServerResponse): Promise<void> {
    const arrivedMs = performance.now();
    const wish = answerTo(new URL(url, 'http://upstream').searchParams, this.#random);
    if (typeof wish === 'string') return void response.writeHead(400).end(wish);
    const { status, delayMs } = wish;
    this.#arrivals.push({ status, delayMs });
    // A timer may fire early by what its event loop was late; a slow call must never be quicker than it says.
    for (let leftMs = delayMs; leftMs > 0; leftMs = arrivedMs + delayMs - performance.now()) await sleep(Math.ceil(leftMs));
    response.writeHead(status).end();
  }
}

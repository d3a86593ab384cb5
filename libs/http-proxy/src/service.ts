/** A route that is called: the document's words, and what carries them out. It keeps its connections while its route changes. */
import type { Timeouts } from './options.ts';
import type { Route } from './route.ts';
import type { ReadRoute } from './route-reader.ts';
import { SessionPool, type SessionPoolSettings } from './http2/session-pool.ts';
import { TcpSlots } from './tcp/tcp-slots.ts';
import { dial } from './upstream/dial.ts';
import { Pool } from './upstream/pool.ts';
import { isSameLimit, RequestLimiter, TokenBucket } from './upstream/rate-limit.ts';
import type { Resolver } from './upstream/resolver.ts';
import { RetryBudget } from './upstream/retry-budget.ts';
import { Targets, type Target } from './upstream/targets.ts';
import type { ClientTls } from './upstream/tls.ts';
import { UpstreamConnection, type ConnectionSettings } from './upstream-connection.ts';

/** What services share. */
export interface ServiceParts {
  /** Monotonic, ms. */
  readonly now: () => number;
  readonly timeouts: Pick<Timeouts, 'responseHeadMs' | 'idleMs'>;
  readonly resolver: Resolver;
  readonly connections: Omit<ConnectionSettings, 'connectTimeoutMs' | 'tls'>;
}

export class Service {
  /** HTTP/1.1's connections, and for a route of another protocol none. */
  readonly pool: Pool<UpstreamConnection>;
  /** HTTP/2's; undefined: it isn't spoken. */
  readonly http2: SessionPool | undefined;
  readonly tcpSlots = new TcpSlots();
  readonly targets: Targets;
  readonly limiter: RequestLimiter;
  readonly budget: RetryBudget;
  readonly #parts: ServiceParts;
  #read: ReadRoute;
  #defaultHost: string;
  #connectionBucket: TokenBucket | undefined;

  constructor(read: ReadRoute, parts: ServiceParts) {
    const { route } = read;
    const { now, resolver, connections } = parts;
    this.#read = read;
    this.#parts = parts;
    this.#defaultHost = hostHeader(route);
    this.limiter = new RequestLimiter(route.rateLimits, now);
    this.budget = new RetryBudget(() => this.route.limits);
    this.targets = new Targets(read.targets, { now, resolver, onGone: (target) => this.#forget(target) });
    this.pool = new Pool(this.targets, route.limits, {
      now,
      open: (target, owner, connectTimeoutMs) => new UpstreamConnection(target, owner, { ...connections, connectTimeoutMs, tls: this.tls }),
    });
    this.http2 = speaksHttp2(route) ? new SessionPool(this.targets, route.limits, this.#sessionSettings()) : undefined;
    this.#setBucket();
  }

  get route(): Route {
    return this.#read.route;
  }

  get name(): string {
    return this.route.name;
  }

  /** Of connections that the route's own listener accepts. */
  get connectionBucket(): TokenBucket | undefined {
    return this.#connectionBucket;
  }

  /** What a request that names no host is sent on with. */
  get defaultHost(): string {
    return this.#defaultHost;
  }

  get responseHeadMs(): number {
    return this.route.timeouts?.responseHeadMs ?? this.#parts.timeouts.responseHeadMs;
  }

  get idleMs(): number {
    return this.route.timeouts?.idleMs ?? this.#parts.timeouts.idleMs;
  }

  get tls(): ClientTls | undefined {
    return this.#read.tls;
  }

  /** Sockets to the upstream, of whatever protocol. */
  get connections(): number {
    return this.pool.connections + (this.http2?.connections ?? 0) + this.tcpSlots.taken;
  }

  get inFlight(): number {
    return this.pool.inFlight + (this.http2?.inFlight ?? 0) + this.tcpSlots.taken;
  }

  get pending(): number {
    return this.pool.pending + (this.http2?.pending ?? 0);
  }

  /** Connections of the route as it was before can't serve it as it is now: another protocol. */
  canBecome(route: Route): boolean {
    return speaksHttp2(route) === speaksHttp2(this.route) && (route.protocol === 'tcp') === (this.route.protocol === 'tcp');
  }

  /** The same route by name, with other contents; calls in flight are not touched. */
  update(read: ReadRoute): void {
    const { route, targets } = read;
    this.#read = read;
    this.#defaultHost = hostHeader(route);
    this.limiter.update(route.rateLimits);
    this.#setBucket();
    this.targets.update(targets);
    this.pool.update(route.limits);
    this.http2?.update(route.limits);
  }

  /** No new calls come; idle connections are closed. Resolves when the last call is over and its connection closed. */
  async retire(): Promise<void> {
    await Promise.all([this.pool.retire(), this.http2?.retire(), this.tcpSlots.empty()]);
    this.targets.close();
  }

  /** Cuts every connection off. */
  destroy(): void {
    this.pool.destroy();
    this.http2?.destroy();
  }

  #forget(target: Target): void {
    this.pool.forget(target);
    this.http2?.forget(target);
  }

  #sessionSettings(): SessionPoolSettings {
    const { closeMs, responseHeadBytesMax, deadlines } = this.#parts.connections;
    return { closeMs, responseHeadBytesMax, deadlines, dial: (target) => dial(target, { tls: this.tls, alpn: ['h2'] }) };
  }

  /** One whose numbers are unchanged keeps its fill. */
  #setBucket(): void {
    const limit = this.route.rateLimits?.tcp;
    const before = this.#connectionBucket?.limit;
    if (limit !== undefined && before !== undefined && isSameLimit(limit, before)) return;
    this.#connectionBucket = limit && new TokenBucket(limit, this.#parts.now);
  }
}

export function speaksHttp2({ protocol }: Route): boolean {
  return protocol === 'h2c' || protocol === 'grpc';
}

function hostHeader(route: Route): string {
  return route.port === 80 ? route.host : `${route.host}:${route.port}`;
}

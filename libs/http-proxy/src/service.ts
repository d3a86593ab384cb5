/** A route in service: the document's words, and the connections that carry it out. */
import { formatAddress, parseAddress } from './address.ts';
import type { Route } from './route.ts';
import { Pool, type PoolSettings } from './upstream/pool.ts';
import type { Resolver } from './upstream/resolver.ts';
import { Targets, type Target } from './upstream/targets.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

export interface ServiceSettings extends PoolSettings<UpstreamConnection> {
  readonly resolver: Resolver;
}

export class Service {
  readonly pool: Pool<UpstreamConnection>;
  readonly targets: Targets;
  #route: Route;
  #defaultHost: string;

  constructor(route: Route, targets: readonly Target[], settings: ServiceSettings) {
    this.#route = route;
    this.#defaultHost = hostHeader(route);
    const { now, resolver } = settings;
    this.targets = new Targets(targets, { now, resolver, onGone: (target) => this.pool.forget(target) });
    this.pool = new Pool(this.targets, route.limits, settings);
  }

  get route(): Route {
    return this.#route;
  }

  get name(): string {
    return this.#route.name;
  }

  get host(): string {
    return this.#route.host;
  }

  get alias(): string | undefined {
    return this.#route.alias;
  }

  get port(): number {
    return this.#route.port;
  }

  get ownPort(): number | undefined {
    const { listen } = this.#route;
    return listen === undefined ? undefined : parseAddress(listen)?.port;
  }

  /** What a request that names no host is sent on with. */
  get defaultHost(): string {
    return this.#defaultHost;
  }

  /** The same route by name, with other contents; calls in flight are not touched. */
  update(route: Route, targets: readonly Target[]): void {
    this.#route = route;
    this.#defaultHost = hostHeader(route);
    this.targets.update(targets);
    this.pool.update(route.limits);
  }
}

/** Where a route's calls go, or the one that can't be read. */
export function targetsOf(route: Route): readonly Target[] | { readonly unreadable: string } {
  const texts = route.targets.length === 0 ? [formatAddress(route)] : route.targets;
  const targets: Target[] = [];
  for (const text of texts) {
    const address = parseAddress(text, route.port);
    if (address === undefined || address.port === 0) return { unreadable: text };
    targets.push({ label: formatAddress(address), ...address });
  }
  return targets;
}

function hostHeader(route: Route): string {
  return route.port === 80 ? route.host : `${route.host}:${route.port}`;
}

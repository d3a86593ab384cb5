/** A route in service: the document's words, and the connections that carry it out. */
import { formatAddress, parseAddress } from './address.ts';
import { Pool, type PoolSettings } from './pool.ts';
import type { Route } from './route.ts';
import type { Target, UpstreamConnection } from './upstream-connection.ts';

export class Service {
  readonly pool: Pool<UpstreamConnection>;
  #route: Route;
  #defaultHost: string;

  constructor(route: Route, targets: readonly Target[], settings: PoolSettings<UpstreamConnection>) {
    this.#route = route;
    this.#defaultHost = hostHeader(route);
    this.pool = new Pool(targets, route.limits, settings);
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
    this.pool.update(targets, route.limits);
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

/**
 * The routes in service and the listeners that some have of their own. They are replaced as a whole, at run time:
 * what stays the same by name keeps its connections, what is gone ends its calls undisturbed.
 */
import { formatAddress, parseAddress, type Address } from './address.ts';
import { ListenError } from './listening.ts';
import type { ListenerTls } from './options.ts';
import type { Route, RouteProblem } from './route.ts';
import { Router } from './router.ts';
import { readRoute, Service, type ReadRoute, type ServiceParts } from './service.ts';

/** What listens: for HTTP, or for TCP. */
export interface AnyListener {
  readonly address: Address;
  readonly isClosing: boolean;
  readonly clientConnections: number;
  /** @throws ListenError */
  listen(address: Address): Promise<void>;
  /** Takes no new clients; resolves when the last one has left. */
  close(): Promise<void>;
  /** Cuts every client off. */
  destroy(): void;
  /** Absent: it has no TLS. */
  setTls?(tls: ListenerTls): void;
}

/** A listener whose calls are all for one route, whichever that is at the moment. */
export interface OwnListener {
  readonly listener: AnyListener;
  service: Service;
}

export interface ServiceTableParts {
  readonly services: ServiceParts;
  /** Makes the listener, not yet listening; its calls go to the entry's service. */
  readonly createListener: (protocol: 'http' | 'tcp', entry: () => OwnListener) => AnyListener;
}

interface Wanted {
  readonly address: Address;
  readonly service: Service;
}

export class ServiceTable {
  readonly #parts: ServiceTableParts;
  #services = new Map<string, Service>();
  #router = new Router<Service>([], undefined);
  #mainPort: number | undefined;
  readonly #listeners = new Map<string, OwnListener>();
  /** Out of service, with calls or connections that still end. */
  readonly #leavingServices = new Set<Service>();
  readonly #leavingListeners = new Set<AnyListener>();

  constructor(parts: ServiceTableParts) {
    this.#parts = parts;
  }

  get services(): Iterable<Service> {
    return this.#services.values();
  }

  get listeners(): readonly AnyListener[] {
    return [...[...this.#listeners.values()].map(({ listener }) => listener), ...this.#leavingListeners];
  }

  find(authority: string): Service | undefined {
    return this.#router.find(authority);
  }

  addressOf(name: string): string | undefined {
    const own = [...this.#listeners.values()].find(({ service }) => service.name === name);
    return own === undefined ? undefined : formatAddress(own.listener.address);
  }

  /** `HOST:PORT` with the main listener's port means the same as `HOST`. */
  setMainPort(port: number): void {
    this.#mainPort = port;
    this.#router = this.#newRouter();
  }

  async replace(routes: readonly Route[]): Promise<readonly RouteProblem[]> {
    const problems: RouteProblem[] = [];
    const before = this.#services;
    this.#services = new Map(readRoutes(routes, problems).map((entry) => [entry.route.name, this.#serve(entry, before)]));
    this.#router = this.#newRouter();
    for (const { route, with: other } of this.#router.collisions) {
      problems.push({ route: route.name, field: 'host', message: `${route.host}:${route.port} is already served by ${other.name}` });
    }
    await this.#replaceListeners(problems);
    for (const [name, service] of before) if (this.#services.get(name) !== service) this.#leave(service);
    return problems;
  }

  /** Closes idle connections; resolves when the calls of all routes are over and their connections closed. */
  async retire(): Promise<void> {
    await Promise.all([...this.#services.values(), ...this.#leavingServices].map((service) => service.retire()));
  }

  destroy(): void {
    for (const service of [...this.#services.values(), ...this.#leavingServices]) service.destroy();
  }

  /** A TCP connection names nobody. */
  #newRouter(): Router<Service> {
    return new Router([...this.#services.values()].filter(({ route }) => route.protocol !== 'tcp'), this.#mainPort);
  }

  #serve(read: ReadRoute, before: ReadonlyMap<string, Service>): Service {
    const known = before.get(read.route.name);
    if (known === undefined || !known.canBecome(read.route)) return new Service(read, this.#parts.services);
    known.update(read);
    return known;
  }

  #leave(service: Service): void {
    this.#leavingServices.add(service);
    void service.retire().then(() => this.#leavingServices.delete(service));
  }

  async #replaceListeners(problems: RouteProblem[]): Promise<void> {
    const wanted = wantedListeners(this.#services.values(), problems);
    for (const [key, { listener }] of this.#listeners) {
      if (wanted.has(key)) continue;
      this.#listeners.delete(key);
      this.#leavingListeners.add(listener);
      void listener.close().then(() => this.#leavingListeners.delete(listener));
    }
    for (const [key, { address, service }] of wanted) {
      const own = this.#listeners.get(key);
      if (own !== undefined) own.service = service;
      else await this.#open(key, { address, service }, problems);
    }
  }

  async #open(key: string, { address, service }: Wanted, problems: RouteProblem[]): Promise<void> {
    const protocol = service.route.protocol === 'tcp' ? 'tcp' : 'http';
    const entry: OwnListener = { listener: this.#parts.createListener(protocol, () => entry), service };
    try {
      await entry.listener.listen(address);
      this.#listeners.set(key, entry);
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      problems.push({ route: service.name, field: 'listen', message: error.message });
    }
  }
}

function readRoutes(routes: readonly Route[], problems: RouteProblem[]): ReadRoute[] {
  const readable: ReadRoute[] = [];
  const names = new Set<string>();
  for (const route of routes) {
    if (names.has(route.name)) {
      problems.push({ route: route.name, field: 'name', message: 'another route has this name' });
      continue;
    }
    const read = readRoute(route);
    if ('field' in read) {
      problems.push({ route: route.name, ...read });
    } else {
      names.add(route.name);
      readable.push(read);
    }
  }
  return readable;
}

/** By address; a port of 0 is nobody else's. */
function wantedListeners(services: Iterable<Service>, problems: RouteProblem[]): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const service of services) {
    const { listen, name } = service.route;
    if (listen === undefined) continue;
    const address = parseAddress(listen);
    if (address === undefined) {
      problems.push({ route: name, field: 'listen', message: `"${listen}" is not HOST:PORT` });
      continue;
    }
    const what = service.route.protocol === 'tcp' ? 'tcp' : 'http';
    const key = `${what} ${address.port === 0 ? `${name} ${listen}` : formatAddress(address)}`;
    const other = wanted.get(key);
    if (other === undefined) wanted.set(key, { address, service });
    else problems.push({ route: name, field: 'listen', message: `${listen} is already the listener of ${other.service.name}` });
  }
  return wanted;
}

/**
 * The routes in service and the listeners that some have of their own. They are replaced as a whole, at run time:
 * what stays the same by name keeps its connections, what is gone ends its calls undisturbed.
 *
 * What carries a route out, its service, is made when somebody calls it: of many routes most are called by other proxies
 * (0048). Until then it is the route that was given, and what the router has to know of it.
 */
import { formatAddress, parseAddress, type Address } from './address.ts';
import { ListenError } from './listening.ts';
import type { ListenerTls } from './options.ts';
import type { Route, RouteProblem } from './route.ts';
import { RouteReader } from './route-reader.ts';
import { canonicalAuthority, Router } from './router.ts';
import { Service, type ServiceParts } from './service.ts';

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
interface OwnListener {
  readonly listener: AnyListener;
  route: Route;
  /** Undefined only while it has no client. */
  service: Service | undefined;
}

export interface ServiceTableParts {
  readonly services: ServiceParts;
  /** Makes the listener, not yet listening; it asks for the service of its calls as soon as it has a client. */
  readonly createListener: (protocol: 'http' | 'tcp', service: () => Service) => AnyListener;
}

interface Wanted {
  readonly address: Address;
  readonly route: Route;
}

export class ServiceTable {
  readonly #parts: ServiceTableParts;
  /** Those that can be served, in their order. */
  #routes: readonly Route[] = [];
  #router = new Router<Route>([], undefined);
  #reader = new RouteReader();
  /** Of those routes that were called, by name. */
  #services = new Map<string, Service>();
  /**
   * The same by whom callers named. As the router spells it only, and of routes that there are: so it is bounded by a few
   * for each service, whatever callers send.
   */
  readonly #called = new Map<string, Service>();
  #mainPort: number | undefined;
  readonly #listeners = new Map<string, OwnListener>();
  /** Out of service, with calls or connections that still end. */
  readonly #leavingServices = new Set<Service>();
  readonly #leavingListeners = new Set<AnyListener>();

  constructor(parts: ServiceTableParts) {
    this.#parts = parts;
  }

  /** Those called so far. */
  get services(): Iterable<Service> {
    return this.#services.values();
  }

  get listeners(): readonly AnyListener[] {
    return [...[...this.#listeners.values()].map(({ listener }) => listener), ...this.#leavingListeners];
  }

  /** For a call: what the route is served by is made, if this is its first. */
  find(authority: string): Service | undefined {
    return this.#called.get(authority) ?? this.#find(authority);
  }

  routeOf(authority: string): Route | undefined {
    return this.#router.find(authority);
  }

  addressOf(name: string): string | undefined {
    const own = [...this.#listeners.values()].find(({ route }) => route.name === name);
    return own === undefined ? undefined : formatAddress(own.listener.address);
  }

  /** Of files that changed since the last `replace`. */
  problems(): readonly RouteProblem[] {
    return [...this.#reader.problems(this.#routes)];
  }

  /** `HOST:PORT` with the main listener's port means the same as `HOST`. */
  setMainPort(port: number): void {
    this.#mainPort = port;
    this.#router.listenPort = port;
  }

  async replace(routes: readonly Route[]): Promise<readonly RouteProblem[]> {
    const problems: RouteProblem[] = [];
    const reader = new RouteReader();
    const readable = reader.readable(routes, problems);
    const before = this.#services;
    this.#services = keptServices(before, readable, reader);
    this.#routes = [...readable.values()];
    this.#reader.close();
    this.#reader = reader;
    // A TCP connection names nobody.
    this.#router = new Router(this.#routes.filter(({ protocol }) => protocol !== 'tcp'), this.#mainPort);
    this.#called.clear();
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
    this.#reader.close();
  }

  destroy(): void {
    for (const service of [...this.#services.values(), ...this.#leavingServices]) service.destroy();
  }

  #find(authority: string): Service | undefined {
    const canonical = canonicalAuthority(authority);
    const known = canonical === authority ? undefined : this.#called.get(canonical);
    if (known !== undefined) return known;
    const route = this.#router.find(authority);
    if (route === undefined) return undefined;
    const service = this.#serviceOf(route);
    this.#called.set(canonical, service);
    return service;
  }

  #serviceOf(route: Route): Service {
    const known = this.#services.get(route.name);
    if (known !== undefined) return known;
    const service = new Service(this.#reader.read(route), this.#parts.services);
    this.#services.set(service.name, service);
    return service;
  }

  #leave(service: Service): void {
    this.#leavingServices.add(service);
    void service.retire().then(() => this.#leavingServices.delete(service));
  }

  async #replaceListeners(problems: RouteProblem[]): Promise<void> {
    const wanted = wantedListeners(this.#routes, problems);
    for (const [key, { listener }] of this.#listeners) {
      if (wanted.has(key)) continue;
      this.#listeners.delete(key);
      this.#leavingListeners.add(listener);
      void listener.close().then(() => this.#leavingListeners.delete(listener));
    }
    // Before any is opened, which takes its time: none of them may be asked for a route that is gone.
    for (const [key, own] of this.#listeners) this.#hand(own, (wanted.get(key) as Wanted).route);
    for (const [key, its] of wanted) if (!this.#listeners.has(key)) await this.#open(key, its, problems);
  }

  /** Its clients may still call when it is taken from this route: by then their service is made. */
  #hand(own: OwnListener, route: Route): void {
    own.route = route;
    own.service = this.#services.get(route.name) ?? (own.listener.clientConnections > 0 ? this.#serviceOf(route) : undefined);
  }

  async #open(key: string, { address, route }: Wanted, problems: RouteProblem[]): Promise<void> {
    const listener = this.#parts.createListener(route.protocol === 'tcp' ? 'tcp' : 'http', () => (own.service ??= this.#serviceOf(own.route)));
    const own: OwnListener = { listener, route, service: undefined };
    try {
      await listener.listen(address);
      this.#listeners.set(key, own);
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      problems.push({ route: route.name, field: 'listen', message: error.message });
    }
  }
}

/** Those whose routes stay, with what these say now. */
function keptServices(before: ReadonlyMap<string, Service>, readable: ReadonlyMap<string, Route>, reader: RouteReader): Map<string, Service> {
  const kept = new Map<string, Service>();
  for (const [name, service] of before) {
    const route = readable.get(name);
    if (route === undefined || !service.canBecome(route)) continue;
    service.update(reader.read(route));
    kept.set(name, service);
  }
  return kept;
}

/** By address; a port of 0 is nobody else's. */
function wantedListeners(routes: Iterable<Route>, problems: RouteProblem[]): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const route of routes) {
    const { listen } = route;
    if (listen === undefined) continue;
    const { name, protocol } = route;
    const address = parseAddress(listen);
    if (address === undefined) {
      problems.push({ route: name, field: 'listen', message: `"${listen}" is not HOST:PORT` });
      continue;
    }
    const what = protocol === 'tcp' ? 'tcp' : 'http';
    const key = `${what} ${address.port === 0 ? `${name} ${listen}` : formatAddress(address)}`;
    const other = wanted.get(key);
    if (other === undefined) wanted.set(key, { address, route });
    else problems.push({ route: name, field: 'listen', message: `${listen} is already the listener of ${other.route.name}` });
  }
  return wanted;
}

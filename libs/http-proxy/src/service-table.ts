/**
 * The routes in service and the listeners that some have of their own. They are replaced as a whole, at run time:
 * what stays the same by name keeps its connections, what is gone ends its calls undisturbed.
 */
import { formatAddress, parseAddress, type Address } from './address.ts';
import type { Listener } from './listener.ts';
import { ListenError } from './listener.ts';
import type { Route, RouteProblem } from './route.ts';
import { Router } from './router.ts';
import { Service, targetsOf, type ServiceSettings } from './service.ts';
import type { Target } from './upstream/targets.ts';

/** A listener whose calls are all for one route, whichever that is at the moment. */
export interface OwnListener {
  readonly listener: Listener;
  service: Service;
}

export interface ServiceTableParts {
  readonly pools: ServiceSettings;
  /** Makes the listener, not yet listening; its calls go to the entry's service. */
  readonly createListener: (entry: () => OwnListener) => Listener;
}

interface Readable {
  readonly route: Route;
  readonly targets: readonly Target[];
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
  readonly #leavingListeners = new Set<Listener>();

  constructor(parts: ServiceTableParts) {
    this.#parts = parts;
  }

  get services(): Iterable<Service> {
    return this.#services.values();
  }

  get listeners(): readonly Listener[] {
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
    this.#router = new Router(this.#services.values(), port);
  }

  async replace(routes: readonly Route[]): Promise<readonly RouteProblem[]> {
    const problems: RouteProblem[] = [];
    const before = this.#services;
    this.#services = new Map(readRoutes(routes, problems).map((entry) => [entry.route.name, this.#serve(entry, before)]));
    this.#router = new Router(this.#services.values(), this.#mainPort);
    for (const { route, with: other } of this.#router.collisions) {
      problems.push({ route: route.name, field: 'host', message: `${route.host}:${route.port} is already served by ${other.name}` });
    }
    await this.#replaceListeners(problems);
    for (const [name, service] of before) if (!this.#services.has(name)) this.#leave(service);
    return problems;
  }

  /** Closes idle connections; resolves when the calls of all routes are over and their connections closed. */
  async retire(): Promise<void> {
    await Promise.all([...this.#services.values(), ...this.#leavingServices].map(({ pool }) => pool.retire()));
  }

  destroy(): void {
    for (const { pool } of [...this.#services.values(), ...this.#leavingServices]) pool.destroy();
  }

  #serve({ route, targets }: Readable, before: ReadonlyMap<string, Service>): Service {
    const known = before.get(route.name);
    if (known === undefined) return new Service(route, targets, this.#parts.pools);
    known.update(route, targets);
    return known;
  }

  #leave(service: Service): void {
    this.#leavingServices.add(service);
    void service.pool.retire().then(() => this.#leavingServices.delete(service));
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
    const entry: OwnListener = { listener: this.#parts.createListener(() => entry), service };
    try {
      await entry.listener.listen(address);
      this.#listeners.set(key, entry);
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      problems.push({ route: service.name, field: 'listen', message: error.message });
    }
  }
}

function readRoutes(routes: readonly Route[], problems: RouteProblem[]): Readable[] {
  const readable: Readable[] = [];
  const names = new Set<string>();
  for (const route of routes) {
    const targets = targetsOf(route);
    if (names.has(route.name)) {
      problems.push({ route: route.name, field: 'name', message: 'another route has this name' });
    } else if ('unreadable' in targets) {
      problems.push({ route: route.name, field: 'targets', message: `"${targets.unreadable}" is not HOST:PORT` });
    } else {
      names.add(route.name);
      readable.push({ route, targets });
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
    const key = address.port === 0 ? `${name} ${listen}` : formatAddress(address);
    const other = wanted.get(key);
    if (other === undefined) wanted.set(key, { address, service });
    else problems.push({ route: name, field: 'listen', message: `${listen} is already the listener of ${other.service.name}` });
  }
  return wanted;
}

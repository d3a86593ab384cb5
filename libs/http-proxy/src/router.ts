/**
 * Which route a call is for, by the authority that it names: exact keys of a map made ahead, so that no request can
 * choose a target that isn't configured.
 */

export interface Routable {
  /** Names it in problems. */
  readonly name: string;
  readonly host: string;
  /** A short name that also means this host, where no other has it. */
  readonly alias?: string | undefined;
  readonly port: number;
  /** Port of its own listener, which callers of that one name. */
  readonly ownPort?: number | undefined;
}

/** A route that can't be reached by Host, because another one has its place. */
export interface Collision<T> {
  readonly route: T;
  readonly with: T;
}

const HTTP_PORT = 80;

export class Router<T extends Routable> {
  readonly #routes = new Map<string, T>();
  readonly collisions: readonly Collision<T>[];

  /**
   * @param listenPort port of the listener that calls come in on: `HOST:listenPort` means the same as `HOST`.
   */
  constructor(routes: Iterable<T>, listenPort: number | undefined) {
    const collisions: Collision<T>[] = [];
    const byHost = new Map<string, T[]>();
    const byAlias = new Map<string, T[]>();
    for (const route of routes) {
      const host = canonicalHost(route.host);
      const other = this.#routes.get(`${host}:${route.port}`);
      if (other !== undefined) {
        collisions.push({ route, with: other });
        continue;
      }
      this.#routes.set(`${host}:${route.port}`, route);
      byHost.set(host, [...(byHost.get(host) ?? []), route]);
      const alias = canonicalHost(route.alias ?? '');
      if (alias !== '') byAlias.set(alias, [...(byAlias.get(alias) ?? []), route]);
    }
    for (const [host, alike] of byHost) this.#name(host, alike, listenPort);
    for (const [alias, alike] of byAlias) {
      // A name that others have in full, or that two hosts share, is nobody's alias.
      const hosts = new Set(alike.map((route) => canonicalHost(route.host)));
      if (hosts.size === 1 && !byHost.has(alias)) this.#name(alias, alike, listenPort);
    }
    this.collisions = collisions;
  }

  /** A bare name means port 80; where the host has no such port, the first route that has the name. */
  #name(name: string, alike: readonly T[], listenPort: number | undefined): void {
    const bare = alike.find((route) => route.port === HTTP_PORT) ?? alike[0];
    if (bare === undefined) return;
    for (const route of alike) this.#routes.set(`${name}:${route.port}`, route);
    this.#routes.set(name, bare);
    for (const route of alike) this.#unlessTaken(`${name}:${route.ownPort ?? ''}`, route);
    this.#unlessTaken(`${name}:${listenPort ?? ''}`, bare);
  }

  #unlessTaken(authority: string, route: T): void {
    if (!authority.endsWith(':') && !this.#routes.has(authority)) this.#routes.set(authority, route);
  }

  find(authority: string): T | undefined {
    return this.#routes.get(authority) ?? this.#routes.get(canonicalAuthority(authority));
  }
}

function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

function canonicalAuthority(authority: string): string {
  const lower = authority.toLowerCase();
  const colon = lower.lastIndexOf(':');
  if (colon === -1 || lower.endsWith(']')) return canonicalHost(lower);
  return `${canonicalHost(lower.slice(0, colon))}${lower.slice(colon)}`;
}

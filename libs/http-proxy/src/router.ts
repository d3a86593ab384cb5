/**
 * Which route a call is for, by the authority that it names: exact keys of a map made ahead, so that no request can
 * choose a target that isn't configured.
 */

export interface Routable {
  /** Names it in problems. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
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
    for (const route of routes) {
      const host = canonicalHost(route.host);
      const exact = `${host}:${route.port}`;
      const other = this.#routes.get(exact);
      if (other !== undefined) {
        collisions.push({ route, with: other });
        continue;
      }
      this.#routes.set(exact, route);
      byHost.set(host, [...(byHost.get(host) ?? []), route]);
    }
    for (const [host, alike] of byHost) {
      // A bare name means port 80; where the host has one port only, that one.
      const bare = alike.find((route) => route.port === HTTP_PORT) ?? (alike.length === 1 ? alike[0] : undefined);
      if (bare === undefined) continue;
      this.#routes.set(host, bare);
      const onListener = `${host}:${listenPort}`;
      if (listenPort !== undefined && !this.#routes.has(onListener)) this.#routes.set(onListener, bare);
    }
    this.collisions = collisions;
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

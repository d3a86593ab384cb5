/**
 * Which route a call is for, by the authority that it names: exact names and ports of what is configured, so that no
 * request can choose a target that isn't. A route is kept by its host and its alias alone; ports are told apart when they
 * are asked for, since few of many routes ever are.
 */
import { parseAddress } from './address.ts';

export interface Routable {
  /** Names it in problems. */
  readonly name: string;
  readonly host: string;
  /** A short name that also means this host, where no other has it. */
  readonly alias?: string | undefined;
  readonly port: number;
  /** `HOST:PORT` of its own listener, whose port callers of that one name. */
  readonly listen?: string | undefined;
}

/** A route that can't be reached by Host, because another one has its place. */
export interface Collision<T> {
  readonly route: T;
  readonly with: T;
}

/** Routes of one host, in their order; several where its ports differ. */
type Alike<T> = T | Several<T>;

class Several<T> {
  readonly routes: T[];

  constructor(...routes: T[]) {
    this.routes = routes;
  }
}

const HTTP_PORT = 80;
const PORT = /^(?:0|[1-9][0-9]{0,4})$/;

export class Router<T extends Routable> {
  readonly #byHost = new Map<string, Alike<T>>();
  /** Undefined: two hosts share it, and so it is nobody's. */
  readonly #byAlias = new Map<string, Alike<T> | undefined>();
  /** Port of the listener that calls come in on: `HOST:listenPort` means the same as `HOST`. */
  listenPort: number | undefined;
  readonly collisions: readonly Collision<T>[];

  constructor(routes: Iterable<T>, listenPort: number | undefined) {
    this.listenPort = listenPort;
    const collisions: Collision<T>[] = [];
    for (const route of routes) {
      const host = canonicalHost(route.host);
      const alike = this.#byHost.get(host);
      const other = alike && routesOf(alike).find(({ port }) => port === route.port);
      if (other === undefined) {
        this.#byHost.set(host, joined(alike, route));
        if (route.alias !== undefined) this.#addAlias(canonicalHost(route.alias), host, route);
      } else {
        collisions.push({ route, with: other });
      }
    }
    this.collisions = collisions;
  }

  #addAlias(alias: string, host: string, route: T): void {
    if (alias === '') return;
    const alike = this.#byAlias.get(alias);
    const isShared = this.#byAlias.has(alias) && (alike === undefined || canonicalHost(firstOf(alike).host) !== host);
    this.#byAlias.set(alias, isShared ? undefined : joined(alike, route));
  }

  /** In any letter case, with or without a trailing dot of the name. */
  find(authority: string): T | undefined {
    const canonical = canonicalAuthority(authority);
    return this.#find(authority) ?? (canonical === authority ? undefined : this.#find(canonical));
  }

  #find(authority: string): T | undefined {
    const alike = this.#named(authority);
    if (alike !== undefined) return bareOf(alike);
    const colon = authority.lastIndexOf(':');
    const ofName = colon === -1 ? undefined : this.#named(authority.slice(0, colon));
    const port = authority.slice(colon + 1);
    return ofName === undefined || !PORT.test(port) ? undefined : this.#atPort(ofName, Number(port));
  }

  /** A name that one has in full is nobody's alias. */
  #named(name: string): Alike<T> | undefined {
    return this.#byHost.get(name) ?? this.#byAlias.get(name);
  }

  /** A document of that very port comes first, then one whose own listener has it. */
  #atPort(alike: Alike<T>, asked: number): T | undefined {
    const routes = routesOf(alike);
    const exact = routes.find(({ port }) => port === asked) ?? routes.find(({ listen }) => listen !== undefined && parseAddress(listen)?.port === asked);
    return exact ?? (asked === this.listenPort ? bareOf(alike) : undefined);
  }
}

/** A bare name means port 80; where the host has no such port, the first route that has the name. */
function bareOf<T extends Routable>(alike: Alike<T>): T {
  return alike instanceof Several ? (alike.routes.find(({ port }) => port === HTTP_PORT) ?? firstOf(alike)) : alike;
}

function firstOf<T extends Routable>(alike: Alike<T>): T {
  return routesOf(alike)[0] as T;
}

function routesOf<T extends Routable>(alike: Alike<T>): readonly T[] {
  return alike instanceof Several ? alike.routes : [alike];
}

function joined<T extends Routable>(alike: Alike<T> | undefined, route: T): Alike<T> {
  if (alike === undefined) return route;
  if (!(alike instanceof Several)) return new Several(alike, route);
  alike.routes.push(route);
  return alike;
}

function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** As `find` reads it: what names the same in another spelling has the same. */
export function canonicalAuthority(authority: string): string {
  const lower = authority.toLowerCase();
  const colon = lower.lastIndexOf(':');
  const end = colon === -1 || lower.endsWith(']') ? lower.length : colon;
  // Most names have no such dot, and nothing is made for them.
  return lower.charAt(end - 1) === '.' ? lower.slice(0, end - 1) + lower.slice(end) : lower;
}

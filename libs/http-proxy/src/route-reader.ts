/**
 * A set of routes, looked through for what can't be served: problems are told before the first call. What is read for it
 * is kept where it costs much, which is the files of TLS, each read once however many routes name it; the rest is read
 * again for the few routes that are called.
 */
import { formatAddress, parseAddress, type Address } from './address.ts';
import type { Route, RouteProblem, UpstreamTls } from './route.ts';
import { isPathPattern } from './upstream/rate-limit.ts';
import type { Target } from './upstream/targets.ts';
import { ClientTls } from './upstream/tls.ts';
import { TlsFiles } from './upstream/tls-files.ts';

/** What can't be read of a route. */
type Unreadable = Pick<RouteProblem, 'field' | 'message'>;

/** A route with what was read for it. */
export interface ReadRoute {
  readonly route: Route;
  readonly targets: readonly Target[];
  readonly tls: ClientTls | undefined;
}

export class RouteReader {
  /** By their paths; a text: why they can't be used. */
  readonly #files = new Map<string, TlsFiles | string>();
  /** RE2 expressions, each compiled once. */
  readonly #patterns = new Set<string>();

  /** Those that can be served, by name. @param problems of the others, added to. */
  readable(routes: readonly Route[], problems: RouteProblem[]): Map<string, Route> {
    const readable = new Map<string, Route>();
    for (const route of routes) {
      const { name } = route;
      const problem = readable.has(name) ? { field: 'name' as const, message: 'another route has this name' } : this.#problemOf(route);
      if (problem === undefined) readable.set(name, route);
      else problems.push({ route: name, ...problem });
    }
    this.#patterns.clear();
    return readable;
  }

  /** @throws where it isn't readable; files that could be used before it was closed are as they were then. */
  read(given: Route): ReadRoute {
    const route = plain(given);
    const { tls, host } = route;
    return { route, targets: textsOf(route).map((text) => targetOf(text, route)), tls: tls && new ClientTls(tls, host, this.#usableFilesOf(tls)) };
  }

  /** Files that have changed since into what can't be used, route by route. */
  *problems(routes: Iterable<Route>): Iterable<RouteProblem> {
    if (![...this.#files.values()].some((files) => typeof files !== 'string' && files.problem !== undefined)) return;
    for (const { name, tls } of routes) {
      const message = tls && this.#usableFilesOf(tls).problem;
      if (message !== undefined) yield { route: name, field: 'tls', message };
    }
  }

  /** Files are no longer looked at. */
  close(): void {
    for (const files of this.#files.values()) if (typeof files !== 'string') files.close();
  }

  #problemOf(route: Route): Unreadable | undefined {
    const target = textsOf(route).find((text) => addressOf(text, route) === undefined);
    if (target !== undefined) return { field: 'targets', message: notHostPort(target) };
    const pattern = route.rateLimits?.paths.find(({ path }) => !this.#isPattern(path));
    if (pattern !== undefined) return { field: 'rateLimits', message: `"${pattern.path}" is no RE2 expression` };
    const files = route.tls && this.#filesOf(route.tls);
    return typeof files === 'string' ? { field: 'tls', message: files } : undefined;
  }

  #isPattern(path: string): boolean {
    if (this.#patterns.has(path)) return true;
    const isPattern = isPathPattern(path);
    if (isPattern) this.#patterns.add(path);
    return isPattern;
  }

  #usableFilesOf(tls: UpstreamTls): TlsFiles {
    const files = this.#filesOf(tls);
    if (typeof files === 'string') throw new Error(files);
    return files;
  }

  #filesOf(tls: UpstreamTls): TlsFiles | string {
    const { ca, cert, key } = tls;
    const paths = JSON.stringify([ca, cert, key]);
    const known = this.#files.get(paths);
    if (known !== undefined) return known;
    const files = readFiles(tls);
    this.#files.set(paths, files);
    return files;
  }
}

function readFiles(tls: UpstreamTls): TlsFiles | string {
  try {
    return new TlsFiles(tls);
  } catch (error) {
    return (error as Error).message;
  }
}

/** Its fields as they are now. */
function plain({ name, upstream, host, alias, port, targets, listen, protocol, limits, rateLimits, retries, timeouts, tls }: Route): Route {
  return { name, upstream, host, alias, port, targets, listen, protocol, limits, rateLimits, retries, timeouts, tls };
}

/** Where a route's calls go. */
function textsOf({ targets, host, port }: Route): readonly string[] {
  return targets.length === 0 ? [formatAddress({ host, port })] : targets;
}

/** Undefined: it is none that can be dialled. */
function addressOf(text: string, { port }: Route): Address | undefined {
  const address = parseAddress(text, port);
  return address?.port === 0 ? undefined : address;
}

function targetOf(text: string, route: Route): Target {
  const address = addressOf(text, route);
  if (address === undefined) throw new Error(notHostPort(text));
  return { label: formatAddress(address), ...address };
}

function notHostPort(text: string): string {
  return `"${text}" is not HOST:PORT`;
}

/**
 * Documents to routes: where calls may go, under which breaker, within which limits.
 */
import type { ConnectionLimits, Document, TrafficSetting, UpstreamDocument } from '#engine';
import { NO_LIMITS, type Route } from '#http-proxy';

/** One route for each HTTP Upstream. TCP ones are read and have no effect yet. */
export function routesOf(documents: readonly Document[]): Route[] {
  const settings = new Map<string, TrafficSetting>();
  for (const document of documents) if (document.kind === 'UpstreamTrafficSetting') settings.set(document.upstream, document);
  return documents.flatMap((document) => (document.kind === 'Upstream' && document.protocol === 'http' ? [routeOf(document, settings)] : []));
}

/** L3: a setting of HOST:PORT is about that port alone and wins over the host's. */
function routeOf(document: UpstreamDocument, settings: ReadonlyMap<string, TrafficSetting>): Route {
  const { namespace, name, host, alias, port, targets, listen } = document;
  const setting = settings.get(`${host}:${port}`) ?? settings.get(host);
  const limits: ConnectionLimits = setting?.limits ?? NO_LIMITS;
  return {
    name: `${namespace}/${name}`,
    // Calls of a host without a policy are told too: the log can be tried against one later.
    upstream: setting?.upstream ?? host,
    host,
    ...(alias === undefined ? {} : { alias }),
    port,
    // By DNS it is looked up as written: a bare name is what a container network knows.
    targets: targets ?? [`${alias ?? host}:${port}`],
    ...(listen === undefined ? {} : { listen }),
    limits,
  };
}

/**
 * Documents to routes: where calls may go, how they are made, under which breaker, within which limits.
 */
import { settingFinder, type DocumentSet, type TrafficSetting, type UpstreamDocument } from '#engine';
import { NO_LIMITS, type Route } from '#http-proxy';

/** One route for each Upstream. */
export function routesOf(set: Pick<DocumentSet, 'documents' | 'alike'>): Route[] {
  const settingOf = settingFinder(set);
  return set.documents.flatMap((document) => (document.kind === 'Upstream' ? [routeOf(document, settingOf(document))] : []));
}

function routeOf(document: UpstreamDocument, setting: TrafficSetting | undefined): Route {
  const { namespace, name, host, alias, port, targets, protocol, listen, retries, timeouts, tls } = document;
  const rateLimits = setting?.rateLimits;
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
    protocol,
    limits: setting?.limits ?? NO_LIMITS,
    ...(rateLimits === undefined ? {} : { rateLimits }),
    ...(retries === undefined ? {} : { retries }),
    ...(timeouts === undefined ? {} : { timeouts }),
    ...(tls === undefined ? {} : { tls }),
  };
}

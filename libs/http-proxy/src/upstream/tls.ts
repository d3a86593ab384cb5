/** Our side of TLS towards upstreams: whom we trust, and who we say we are. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext, type ConnectionOptions } from 'node:tls';
import type { UpstreamTls } from '../route.ts';
import type { Target } from './targets.ts';

export class ClientTls {
  readonly #tls: UpstreamTls;
  readonly #routeHost: string;
  readonly #secureContext;

  constructor(tls: UpstreamTls, routeHost: string) {
    this.#tls = tls;
    this.#routeHost = routeHost;
    const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path));
    this.#secureContext = createSecureContext({ ca: read(tls.ca), cert: read(tls.cert), key: read(tls.key) });
  }

  optionsFor(target: Target): ConnectionOptions {
    const named = target.name ?? target.host;
    const name = this.#tls.serverName ?? (isIP(named) === 0 ? named : this.#routeHost);
    return { secureContext: this.#secureContext, servername: isIP(name) === 0 ? name : '', checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate) };
  }

  close(): void {}
}

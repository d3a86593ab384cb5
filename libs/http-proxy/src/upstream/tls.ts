/** Our side of TLS towards a route's upstreams: who we say we are, whom we trust, and whom each target must prove to be. */
import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import type { UpstreamTls } from '../route.ts';
import type { Target } from './targets.ts';
import type { TlsFiles } from './tls-files.ts';

export class ClientTls {
  readonly #serverName: string | undefined;
  readonly #routeHost: string;
  /** Other routes may have the same. */
  readonly files: TlsFiles;

  /**
   * @param routeHost what certificates are checked against where neither the route nor its target has a name for it.
   * @param files those of this TLS.
   */
  constructor({ serverName }: UpstreamTls, routeHost: string, files: TlsFiles) {
    this.#serverName = serverName;
    this.#routeHost = routeHost;
    this.files = files;
  }

  /** Whom a target must prove to be: the route's serverName, else the target's host name, else the route's host. */
  serverNameOf({ name, host }: Target): string {
    const named = name ?? host;
    return this.#serverName ?? (isIP(named) === 0 ? named : this.#routeHost);
  }

  /** For a connection to this target, with what the files held when they were last looked at. */
  optionsFor(target: Target): ConnectionOptions {
    const serverName = this.serverNameOf(target);
    return {
      secureContext: this.files.context,
      // An address is no server name (RFC 6066 section 3), but a certificate may be for it.
      servername: isIP(serverName) === 0 ? serverName : '',
      checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
      rejectUnauthorized: true,
    };
  }
}

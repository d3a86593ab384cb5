/**
 * Our side of TLS towards a route's upstreams: whom we trust, and who we say we are. Files are read at the start, and
 * again while the route lives, so that renewing a certificate needs no restart.
 */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext, type ConnectionOptions, type SecureContext } from 'node:tls';
import type { UpstreamTls } from '../route.ts';
import type { Target } from './targets.ts';

const LOOKED_AT_EACH_MS = 60_000;
const PARTS = ['ca', 'cert', 'key'] as const;
type Part = (typeof PARTS)[number];
type Contents = { readonly [part in Part]?: Buffer };

const CERTIFICATE = /-----BEGIN (?:X509 )?CERTIFICATE-----[^-]*-----END (?:X509 )?CERTIFICATE-----/g;

export interface ClientTlsOptions {
  /** How often the files are looked at, ms; default 60,000. */
  readonly eachMs?: number;
}

export class ClientTls {
  readonly #tls: UpstreamTls;
  readonly #routeHost: string;
  readonly #timer: NodeJS.Timeout;
  #contents: Contents;
  #context: SecureContext;
  #problem: string | undefined;

  /**
   * @param routeHost what certificates are checked against where neither the route nor its target has a name for it.
   * @throws Error whose message is for people: the field, the file and why it can't be used.
   */
  constructor(tls: UpstreamTls, routeHost: string, { eachMs = LOOKED_AT_EACH_MS }: ClientTlsOptions = {}) {
    this.#tls = tls;
    this.#routeHost = routeHost;
    this.#contents = readParts(tls);
    this.#context = contextOf(tls, this.#contents);
    this.#timer = setInterval(() => void this.look(), eachMs).unref();
  }

  /** Why files that have changed are not in use; those before them are. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** It would be made of the same words: need not be made anew. */
  isFor(tls: UpstreamTls | undefined, routeHost: string): boolean {
    return tls !== undefined && routeHost === this.#routeHost && tls.serverName === this.#tls.serverName && PARTS.every((part) => tls[part] === this.#tls[part]);
  }

  /** Whom a target must prove to be: the route's serverName, else the target's host name, else the route's host. */
  serverNameOf({ name, host }: Target): string {
    const named = name ?? host;
    return this.#tls.serverName ?? (isIP(named) === 0 ? named : this.#routeHost);
  }

  /** For a connection to this target, with what the files held when they were last looked at. */
  optionsFor(target: Target): ConnectionOptions {
    const serverName = this.serverNameOf(target);
    return {
      secureContext: this.#context,
      // An address is no server name (RFC 6066 section 3), but a certificate may be for it.
      servername: isIP(serverName) === 0 ? serverName : '',
      checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
      rejectUnauthorized: true,
    };
  }

  /** Reads the files again; connections begun from now on use what has changed. */
  async look(): Promise<void> {
    const found: { [part in Part]?: Buffer } = {};
    try {
      for (const part of PARTS) {
        const path = this.#tls[part];
        if (path !== undefined) found[part] = await readFile(path).catch((error: Error) => unreadable(part, path, error));
      }
      const isChanged = PARTS.some((part) => !isSame(found[part], this.#contents[part]));
      if (isChanged) this.#context = contextOf(this.#tls, found);
      this.#contents = found;
      this.#problem = undefined;
    } catch (error) {
      this.#problem = (error as Error).message;
    }
  }

  /** The files are no longer looked at. */
  close(): void {
    clearInterval(this.#timer);
  }
}

function readParts(tls: UpstreamTls): Contents {
  const contents: { [part in Part]?: Buffer } = {};
  for (const part of PARTS) {
    const path = tls[part];
    if (path === undefined) continue;
    try {
      contents[part] = readFileSync(path);
    } catch (error) {
      unreadable(part, path, error as Error);
    }
  }
  return contents;
}

/** Each part is tried alone first: together, OpenSSL leaves out certificates it can't read, and names no file. */
function contextOf(tls: UpstreamTls, { ca, cert, key }: Contents): SecureContext {
  const authorities = ca === undefined ? undefined : usable(tls, 'ca', () => certificatesOf(ca));
  if (cert !== undefined) usable(tls, 'cert', () => certificatesOf(cert));
  if (key !== undefined) usable(tls, 'key', () => createPrivateKey(key));
  try {
    return createSecureContext({ ca: authorities, cert, key });
  } catch (error) {
    throw new Error(`tls: ${tls.cert ?? 'no cert'} and ${tls.key ?? 'no key'} can't be used together: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws where one of them isn't valid, or there is none. */
function certificatesOf(pem: Buffer): string[] {
  const certificates = pem.toString('latin1').match(CERTIFICATE) ?? [];
  if (certificates.length === 0) throw new Error('nothing between BEGIN and END CERTIFICATE');
  return certificates.map((certificate) => new X509Certificate(certificate).toString());
}

function usable<T>(tls: UpstreamTls, part: Part, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const what = part === 'key' ? 'private key without a password' : 'certificate';
    throw new Error(`tls.${part}: ${tls[part]} holds no ${what} in PEM: ${(error as Error).message}`, { cause: error });
  }
}

function unreadable(part: Part, path: string, error: Error): never {
  throw new Error(`tls.${part}: ${path} can't be read: ${error.message}`, { cause: error });
}

function isSame(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}

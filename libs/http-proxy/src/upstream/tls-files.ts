/**
 * The files of one side of TLS: read at the start, and again while they are in use, so that renewing a certificate needs
 * no restart.
 */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { UpstreamTls } from '../route.ts';

const LOOKED_AT_EACH_MS = 60_000;
const PARTS = ['ca', 'cert', 'key'] as const;
type Part = (typeof PARTS)[number];
type Contents = { readonly [part in Part]?: Buffer };
/** Which file is which. */
export type TlsPaths = Pick<UpstreamTls, Part>;

const CERTIFICATE = /-----BEGIN (?:X509 )?CERTIFICATE-----[^-]*-----END (?:X509 )?CERTIFICATE-----/g;

export interface TlsFilesOptions {
  /** How often the files are looked at, ms; default 60,000. */
  readonly eachMs?: number;
}

export class TlsFiles {
  readonly #paths: TlsPaths;
  readonly #timer: NodeJS.Timeout;
  #contents: Contents;
  #context: SecureContext;
  #problem: string | undefined;

  /** @throws Error whose message is for people: the field, the file and why it can't be used. */
  constructor(paths: TlsPaths, { eachMs = LOOKED_AT_EACH_MS }: TlsFilesOptions = {}) {
    this.#paths = paths;
    this.#contents = readParts(paths);
    this.#context = contextOf(paths, this.#contents);
    this.#timer = setInterval(() => void this.look(), eachMs).unref();
  }

  /** For connections from now on, with what the files held when they were last looked at. */
  get context(): SecureContext {
    return this.#context;
  }

  /** Why files that have changed are not in use; those before them are. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Reads the files again; connections begun from now on use what has changed. */
  async look(): Promise<void> {
    const found: { [part in Part]?: Buffer } = {};
    try {
      for (const part of PARTS) {
        const path = this.#paths[part];
        if (path !== undefined) found[part] = await readFile(path).catch((error: Error) => unreadable(part, path, error));
      }
      const isChanged = PARTS.some((part) => !isSame(found[part], this.#contents[part]));
      if (isChanged) this.#context = contextOf(this.#paths, found);
      this.#contents = found;
      this.#problem = undefined;
    } catch (error) {
      this.#problem = (error as Error).message;
    }
  }

  /** They are no longer looked at. */
  close(): void {
    clearInterval(this.#timer);
  }
}

function readParts(paths: TlsPaths): Contents {
  const contents: { [part in Part]?: Buffer } = {};
  for (const part of PARTS) {
    const path = paths[part];
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
function contextOf(tls: TlsPaths, { ca, cert, key }: Contents): SecureContext {
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

function usable<T>(tls: TlsPaths, part: Part, read: () => T): T {
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

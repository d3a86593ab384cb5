/** A listener's certificate: PEM files that settings name, read at the start and again while the process lives. */
import { X509Certificate } from 'node:crypto';
import type { Logger } from './logger.ts';
import { readPem, readPemPair } from './pem.ts';
import { renew } from './renewal.ts';

/** Paths of PEM files, and the settings that name them. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Who signs clients' certificates. */
  readonly ca: string | undefined;
  readonly variables: { readonly cert: string; readonly key: string; readonly ca: string };
}

export interface ListenerPem {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

export interface TlsRenewal {
  readonly files: TlsFiles;
  /** What is in use. */
  readonly tls: ListenerPem;
  readonly use: (renewed: ListenerPem) => void;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  /** Default 60,000. */
  readonly eachMs?: number;
}

/** ms. */
const LOOKED_AT_EACH_MS = 60_000;

/** @throws {StartError} naming the variable and the file that can't be used. */
export function readListenerTls({ cert, key, ca, variables }: TlsFiles): ListenerPem {
  const pair = readPemPair({ path: cert, variable: variables.cert }, { path: key, variable: variables.key });
  return { ...pair, ...(ca === undefined ? {} : { ca: readPem({ path: ca, variable: variables.ca, holds: 'certificate' }) }) };
}

/** Gives what ends it. */
export function renewListenerTls({ files, tls, use, logger, eachMs = LOOKED_AT_EACH_MS }: TlsRenewal): () => void {
  return renew({
    read: () => readListenerTls(files),
    current: tls,
    isSame: (one, other) => (['cert', 'key', 'ca'] as const).every((part) => String(one[part]) === String(other[part])),
    use,
    what: `the certificate of ${files.variables.cert}`,
    described: ({ cert }) => `, valid until ${new X509Certificate(cert).validTo}`,
    logger,
    eachMs,
  });
}

export interface TlsSettings {
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly ca: string | undefined;
  readonly variables: TlsFiles['variables'];
}

/** Undefined: cleartext. Only where nothing is wrong with them. */
export function tlsFiles({ cert, key, ca, variables }: TlsSettings): TlsFiles | undefined {
  return cert === undefined || key === undefined ? undefined : Object.freeze({ cert, key, ca, variables });
}

/** What is wrong with a combination of them; each value by itself is fine or undefined. */
export function tlsProblems({ cert, key, ca, variables: of }: TlsSettings): string[] {
  if (cert !== undefined && key === undefined) return [`${of.key} is not set, but ${of.cert} is; allowed: both or none`];
  if (cert === undefined && key !== undefined) return [`${of.cert} is not set, but ${of.key} is; allowed: both or none`];
  if (ca !== undefined && cert === undefined) return [`${of.ca} is set without ${of.cert} and ${of.key}, and would have no effect; allowed: all three, or none`];
  return [];
}

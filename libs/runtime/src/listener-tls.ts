/** A listener's certificate: PEM files that settings name, read at the start and again while the process lives. */
import { X509Certificate } from 'node:crypto';
import type { Logger } from './logger.ts';
import { readPem, readPemPair } from './pem.ts';
import { renew } from './renewal.ts';
import { bothOrNone, variableOf } from './setting-problems.ts';
import type { SettingKey, Values } from './settings.ts';

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

/** The settings that name a listener's files. */
export interface TlsKeys {
  readonly cert: SettingKey;
  readonly key: SettingKey;
  readonly ca: SettingKey;
}

/** Undefined: cleartext. Only where nothing is wrong with them. */
export function tlsFiles(keys: TlsKeys, values: Values): TlsFiles | undefined {
  const [cert, key, ca] = [keys.cert, keys.key, keys.ca].map((each) => values[each] as string | undefined);
  if (cert === undefined || key === undefined) return undefined;
  return Object.freeze({ cert, key, ca, variables: { cert: variableOf(keys.cert), key: variableOf(keys.key), ca: variableOf(keys.ca) } });
}

/** What is wrong with a combination of them; each value by itself is fine or undefined. */
export function tlsProblems({ cert, key, ca }: TlsKeys, values: Values): string[] {
  const isSet = (each: SettingKey): boolean => values[each] !== undefined;
  if (isSet(ca) && !isSet(cert) && !isSet(key)) return [`${variableOf(ca)} is set without ${variableOf(cert)} and ${variableOf(key)}, and would have no effect; allowed: all three, or none`];
  return bothOrNone([cert, key], isSet);
}

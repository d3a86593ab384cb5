/** The listeners' certificate: read at the start, and read again while the process lives, so that renewing it needs no restart. */
import { X509Certificate } from 'node:crypto';
import type { ListenerTls } from '#http-proxy';
import { readPem, readPemPair, type Logger, type TlsFiles } from '#runtime';

/** ms. */
const LOOKED_AT_EACH_MS = 60_000;

const VARIABLES = { cert: 'FUSEBOARD_PROXY_TLS_CERT', key: 'FUSEBOARD_PROXY_TLS_KEY', ca: 'FUSEBOARD_PROXY_TLS_CA' } as const;

/** @throws {StartError} naming the variable and the file that can't be used. */
export function readListenerTls({ cert, key, ca }: TlsFiles): ListenerTls {
  const pair = readPemPair({ path: cert, variable: VARIABLES.cert }, { path: key, variable: VARIABLES.key });
  return { ...pair, ...(ca === undefined ? {} : { ca: readPem({ path: ca, variable: VARIABLES.ca, holds: 'certificate' }) }) };
}

export interface Renewal {
  readonly files: TlsFiles;
  /** What is in use. */
  readonly tls: ListenerTls;
  readonly use: (renewed: ListenerTls) => void;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  /** Default 60,000. */
  readonly eachMs?: number;
}

/** Looks at the files from now on; what can't be used is said once and leaves what is in use. Gives what ends it. */
export function renewListenerTls({ files, tls, use, logger, eachMs = LOOKED_AT_EACH_MS }: Renewal): () => void {
  let current = tls;
  let said = '';
  const timer = setInterval(() => {
    try {
      const found = readListenerTls(files);
      said = '';
      if (isSame(found, current)) return;
      current = found;
      use(found);
      logger.info(`the certificate of the listeners is renewed, valid until ${new X509Certificate(found.cert).validTo}`);
    } catch (error) {
      const { message } = error as Error;
      if (message !== said) logger.error(`${message}; the certificate before stays`);
      said = message;
    }
  }, eachMs);
  timer.unref();
  return () => clearInterval(timer);
}

function isSame(one: ListenerTls, other: ListenerTls): boolean {
  return (['cert', 'key', 'ca'] as const).every((part) => String(one[part]) === String(other[part]));
}

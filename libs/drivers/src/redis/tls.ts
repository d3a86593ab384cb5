/** The certificates that Redis is reached with: read at the start, and again at each connect, so that renewing them needs no restart. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { StartError, type RedisConfig } from '#runtime';

const VARIABLES = { ca: 'FUSEBOARD_REDIS_TLS_CA', cert: 'FUSEBOARD_REDIS_TLS_CERT', key: 'FUSEBOARD_REDIS_TLS_KEY' } as const;

type Files = NonNullable<RedisConfig['redisTls']>;

/**
 * Files that can't be used later leave what was read before.
 * @throws {StartError} naming the variable and the file that can't be used now
 */
export function secureContextOf(files: Files = {}): () => SecureContext {
  let pems = readAll(files);
  let context = contextOf(files, pems);
  return () => {
    try {
      const found = readAll(files);
      if (JSON.stringify(found) === JSON.stringify(pems)) return context;
      context = contextOf(files, found);
      pems = found;
    } catch {
      // They are being exchanged, or are gone: whether what was read before still serves, the other side will say.
    }
    return context;
  };
}

function readAll(files: Files): Files {
  const read = (['ca', 'cert', 'key'] as const).map((which) => [which, readOne(which, files[which])] as const);
  return Object.fromEntries(read.filter(([, pem]) => pem !== undefined));
}

function readOne(which: keyof typeof VARIABLES, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartError(`${VARIABLES[which]}: ${path} can't be read: ${(error as Error).message}`);
  }
}

function contextOf(files: Files, pems: Files): SecureContext {
  try {
    // One that holds none would be taken for an empty list.
    if (pems.ca !== undefined) void new X509Certificate(pems.ca);
    return createSecureContext(pems);
  } catch (error) {
    const named = (['ca', 'cert', 'key'] as const).filter((which) => files[which] !== undefined).map((which) => `${VARIABLES[which]} (${files[which]})`);
    throw new StartError(`${named.join(', ')} can't be used: ${(error as Error).message}`);
  }
}

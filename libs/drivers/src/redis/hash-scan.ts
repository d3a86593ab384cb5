import type { Commands } from './client.ts';

/** Fields asked for at once, about. */
const AT_ONCE = 2_000;

export interface ScanOptions {
  /** Fields in one answer, about. */
  readonly atOnce?: number | undefined;
  /** Where there are more, about so many of them; default: all. */
  readonly fieldsMax?: number;
}

/**
 * All of a hash, in pieces, so that a large one holds neither the server nor a command's time. What is written meanwhile
 * may be in it or not.
 * @param ask sends one command
 */
export async function scanHash(ask: <T>(send: (redis: Commands) => Promise<T>) => Promise<T>, key: string, { atOnce = AT_ONCE, fieldsMax = Infinity }: ScanOptions = {}): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let cursor = '0';
  do {
    const [next, flat] = await ask((redis) => redis.hscan(key, cursor, 'COUNT', atOnce));
    for (let at = 0; at + 1 < flat.length; at += 2) found.set(flat[at] as string, flat[at + 1] as string);
    cursor = next;
  } while (cursor !== '0' && found.size < fieldsMax);
  return found;
}

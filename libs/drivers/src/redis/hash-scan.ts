import type { Commands } from './client.ts';
import { letGo } from './let-go.ts';

/** Fields asked for at once, about. */
const AT_ONCE = 2_000;

export interface ScanOptions {
  /** Fields in one answer, about. */
  readonly atOnce?: number | undefined;
  /** Where there are more, about so many of them; default: all. */
  readonly fieldsMax?: number;
}

type Ask = <T>(send: (redis: Commands) => Promise<T>) => Promise<T>;

/**
 * All of a hash, in pieces, so that a large one holds neither the server nor a command's time. What is written meanwhile
 * may be in it or not.
 * @param ask sends one command
 */
export async function scanHash(ask: Ask, key: string, { atOnce = AT_ONCE, fieldsMax = Infinity }: ScanOptions = {}): Promise<Map<string, string>> {
  return await scan((cursor) => ask((redis) => redis.hscan(key, cursor, 'COUNT', atOnce)), (value) => value, fieldsMax);
}

/** The same, with values that keep no more bytes than their own. */
export async function scanHashBytes(ask: Ask, key: string, { atOnce = AT_ONCE, fieldsMax = Infinity }: ScanOptions = {}): Promise<Map<string, Uint8Array>> {
  // A copy: they came in with others, as large as what a socket reads at once.
  return await scan((cursor) => ask((redis) => redis.hscanBuffer(key, cursor, 'COUNT', atOnce)), (value) => new Uint8Array(value), fieldsMax);
}

/** @param page from a cursor on: the next one, and field, value, field, value … */
async function scan<T extends string | Buffer, U>(page: (cursor: string) => Promise<[T, T[]]>, valueOf: (value: T) => U, fieldsMax: number): Promise<Map<string, U>> {
  const found = new Map<string, U>();
  let cursor = '0';
  do {
    const [next, flat] = await page(cursor);
    for (let at = 0; at + 1 < flat.length; at += 2) found.set(String(flat[at]), valueOf(flat[at + 1] as T));
    letGo(flat);
    cursor = String(next);
  } while (cursor !== '0' && found.size < fieldsMax);
  return found;
}

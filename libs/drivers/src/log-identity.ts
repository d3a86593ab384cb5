import { createHash } from 'node:crypto';

/** One record as the log's store has it, before anybody has read it. */
export interface RawRecord {
  readonly appendMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/**
 * V1: which log this is, told by its first record: a hash over append time, key and value, 32 hex digits. A log made
 * again has another first record, or the same one at another time.
 */
export function logIdentity({ appendMs, key, value }: RawRecord): string {
  const hash = createHash('sha256').update(`${appendMs} ${key?.length ?? 'null'} ${value?.length ?? 'null'} `);
  return hash.update(key ?? '').update(value ?? '').digest('hex').slice(0, 32);
}

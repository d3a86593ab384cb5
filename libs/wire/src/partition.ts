/**
 * Which partition an upstream belongs to (L2): murmur2 of its UTF-8 name, as Kafka's Java client has it, so that a
 * producer with the Java partitioner and key = upstream writes where the fold expects it.
 */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** 0 to `partitions` - 1. `upstream` in lower case (L3). */
export function partitionOf(upstream: string, partitions: number): number {
  if (partitions === 1) return 0;
  return (murmur2(Buffer.from(upstream, 'utf8')) & 0x7fffffff) % partitions;
}

/** As a signed 32-bit number, like Java's `Utils.murmur2`. */
export function murmur2(data: Uint8Array): number {
  const { length } = data;
  let hash = SEED ^ length;
  const wordsEnd = length - (length % 4);
  for (let i = 0; i < wordsEnd; i += 4) {
    let k = byteAt(data, i) | (byteAt(data, i + 1) << 8) | (byteAt(data, i + 2) << 16) | (byteAt(data, i + 3) << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(k, M);
  }
  const rest = length - wordsEnd;
  if (rest >= 3) hash ^= byteAt(data, wordsEnd + 2) << 16;
  if (rest >= 2) hash ^= byteAt(data, wordsEnd + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ byteAt(data, wordsEnd), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

function byteAt(data: Uint8Array, index: number): number {
  return data[index] as number;
}

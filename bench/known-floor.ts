/**
 * What no proxy can be below: a process with ioredis alone, which reads what a proxy reads and doesn't look at it.
 * Arguments: Redis' URL, the prefix of keys, the number of partitions.
 */
import { Redis } from 'ioredis';

const PACKS_AT_ONCE = 32;

export interface Floor {
  readonly cpuMs: number;
  readonly residentBytes: number;
  readonly readBytes: number;
}

const [url = '', prefix = '', partitions = '0'] = process.argv.slice(2);
const redis = new Redis(url);
const kept: Buffer[] = [];
let cursor = '0';
do {
  const [next, packs]: [Buffer, Buffer[]] = await redis.hscanBuffer(`${prefix}:{documents}:packs`, cursor, 'COUNT', PACKS_AT_ONCE);
  kept.push(...packs);
  cursor = next.toString();
} while (cursor !== '0');
for (let partition = 0; partition < Number(partitions); partition++) kept.push(...(await redis.hvalsBuffer(`${prefix}:{${partition}}:snapshots`)));
const { user, system } = process.cpuUsage();
const readBytes = kept.reduce((sum, { length }) => sum + length, 0);
process.send?.({ cpuMs: Math.round((user + system) / 1_000), residentBytes: process.memoryUsage.rss(), readBytes } satisfies Floor);
redis.disconnect();

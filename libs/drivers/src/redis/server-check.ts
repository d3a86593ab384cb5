/** What a Redis must be like to be trusted with state (docs/redis.md). */
import { StartError } from '#runtime';
import type { Connection } from './connection.ts';
import { partitionKeys } from './keys.ts';
import { metaOf, OtherPartitionsError } from './partition-meta.ts';
import type { StoreOptions } from './state-store.ts';

/** RESP3 and ACLs came with 6.0; older than this is tried by nobody any more. */
const VERSION_MIN = [6, 2] as const;

/**
 * @throws {StartError} a setting is not as it must be
 * @throws {RedisFailure} it couldn't be asked
 */
export async function checkServer(connection: Connection, { prefix, partitions }: StoreOptions): Promise<void> {
  await checkKeeps(connection);
  const keys = Array.from({ length: partitions }, (_, partition) => partitionKeys(prefix, partition).meta);
  const metas = await connection.ask((redis) => Promise.all(keys.map((key) => redis.hgetall(key))));
  for (const [index, fields] of metas.entries()) checkPartitions(fields, { key: keys[index] as string, partitions });
}

/**
 * Each server that is written to.
 * @throws {StartError} it is too old, or may drop keys
 * @throws {RedisFailure} it couldn't be asked
 */
export async function checkKeeps(connection: Connection): Promise<void> {
  const servers = await connection.askEach(async ({ redis, address }) => ({ address, said: await redis.info() }));
  for (const { address, said } of servers) {
    const info = new Map(said.split('\r\n').map((line) => line.split(':', 2) as [string, string]));
    checkVersion(address, info.get('redis_version') ?? '');
    checkEviction(address, info.get('maxmemory_policy') ?? '');
  }
}

function checkVersion(address: string, version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [majorMin, minorMin] = VERSION_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  throw new StartError(`Redis at ${address}: version: found ${version}; wanted: ${VERSION_MIN.join('.')} or later`);
}

/** No key of ours has an expiry, so the volatile-… policies evict none of them. */
function checkEviction(address: string, policy: string): void {
  if (policy === 'noeviction' || policy.startsWith('volatile-')) return;
  throw new StartError(
    `Redis at ${address}: maxmemory-policy: found ${policy}; wanted: noeviction. ` +
      'It drops keys when memory is full, and a breaker whose state is dropped would look closed. ' +
      'Change it with CONFIG SET maxmemory-policy noeviction, and in redis.conf',
  );
}

function checkPartitions(fields: Record<string, string>, of: { key: string; partitions: number }): void {
  try {
    metaOf(fields, of);
  } catch (error) {
    // Whoever reads the partition meets it again, and can say more.
    if (!(error instanceof OtherPartitionsError)) return;
    throw new StartError(`${error.message}; wanted: the same number in every process, for the whole life of a fleet`);
  }
}

/** One question to one server, as `redis-cli` would ask it. */
import { Redis } from 'ioredis';
import type { RedisServer } from './redis.ts';

const ANSWER_WITHIN_MS = 5_000;

/** @throws Error what the server says, or that it didn't answer in time. */
export async function asked({ port, password }: Pick<RedisServer, 'port'> & { readonly password?: string }, command: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown> {
  const redis = new Redis({ ...(password === undefined ? {} : { password }), port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0, enableReadyCheck: false, connectTimeout: ANSWER_WITHIN_MS, commandTimeout: ANSWER_WITHIN_MS });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return await redis.call(command, [...args]);
  } finally {
    redis.disconnect();
  }
}

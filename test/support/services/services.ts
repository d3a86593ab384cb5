/** What a `*.services.spec.ts` takes its Kafka and Redis from. */
import { randomBytes } from 'node:crypto';
import { inject, type TestContext } from 'vitest';
import { startKafka, type KafkaServer } from './kafka.ts';
import { startKafkaCluster, type ClusterOptions, type KafkaCluster } from './kafka-cluster.ts';
import { NoServiceError, onPath } from './no-service.ts';
import { RedisCluster, type RedisClusterOptions } from './redis-cluster.ts';
import { RedisSentinels } from './redis-sentinels.ts';
import { startRedis, type RedisOptions, type RedisServer } from './redis.ts';

/** Where this run's servers are. */
export interface ServiceAddresses {
  /** `host:port`, separated by commas. */
  readonly kafkaBrokers: string;
  /** `redis://…`. */
  readonly redisUrl: string;
}

/** Why there are none, and whether that is a reason to leave tests out (it isn't with CI=true). */
export interface NoServices {
  readonly missing: string;
  readonly mayBeSkipped: boolean;
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly services: ServiceAddresses | NoServices;
  }
}

/** Real Kafka and Redis, which answer. Others use them at the same time: keep to a {@link uniquePrefix}. */
export function services(): ServiceAddresses {
  const given = inject('services');
  if ('missing' in given) throw new Error(given.missing);
  return given;
}

/** For the topics and keys of one test; letters and digits. */
export function uniquePrefix(): string {
  return `t${randomBytes(6).toString('hex')}`;
}

/** Of the test that a server is for; its own, since tests may run side by side. */
type OneTest = Pick<TestContext, 'onTestFinished' | 'skip'>;

/** A Kafka for one test alone, to be stopped, killed and started again; closed at the test's end. */
export async function ownKafka(context: OneTest): Promise<KafkaServer> {
  const kafka = await startKafka().catch((error: unknown) => leaveOut(context, error));
  context.onTestFinished(() => kafka.close());
  return kafka;
}

/** Several Kafka nodes for one test alone, each to be killed, frozen and started by itself; 3 unless said otherwise. */
export async function ownKafkaCluster(context: OneTest, options: ClusterOptions = {}): Promise<KafkaCluster> {
  const cluster = await startKafkaCluster(options).catch((error: unknown) => leaveOut(context, error));
  context.onTestFinished(() => cluster.close());
  return cluster;
}

/** A Redis for one test alone, to be stopped, killed and started again; closed at the test's end. */
export async function ownRedis(context: OneTest, options: RedisOptions = {}): Promise<RedisServer> {
  const redis = await startRedis(options).catch((error: unknown) => leaveOut(context, error));
  context.onTestFinished(() => redis.close());
  return redis;
}

/** A Redis Cluster for one test alone. */
export async function ownRedisCluster(context: OneTest, options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const cluster = await RedisCluster.open(options).catch((error: unknown) => leaveOut(context, error));
  context.onTestFinished(() => cluster.close());
  return cluster;
}

/** A primary, a replica and three Sentinels for one test alone. */
export async function ownRedisSentinels(context: OneTest, options: RedisOptions = {}): Promise<RedisSentinels> {
  const sentinels = await RedisSentinels.open(options).catch((error: unknown) => leaveOut(context, error));
  context.onTestFinished(() => sentinels.close());
  return sentinels;
}

/** Outside CI, tests that start this program themselves are left out where it isn't there. */
export function isLeftOut(program: string): boolean {
  return onPath(program) === undefined && process.env['CI'] !== 'true';
}

/** Outside CI a test that can't have its server is left out, with the reason. */
export function leaveOut(context: Pick<TestContext, 'skip'>, error: unknown): never {
  if (error instanceof NoServiceError && process.env['CI'] !== 'true') context.skip(error.message);
  throw error;
}

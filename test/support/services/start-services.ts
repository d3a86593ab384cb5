/** Kafka and Redis for a run of tests, scenarios or benchmarks. */
import { startKafka, type KafkaOptions } from './kafka.ts';
import { startRedis } from './redis.ts';
import type { ServiceAddresses } from './services.ts';

export interface Services extends ServiceAddresses {
  stop(): Promise<void>;
}

export async function startServices(options: KafkaOptions = {}): Promise<Services> {
  const [kafka, redis] = await Promise.all([startKafka(options), startRedis()]);
  return {
    kafkaBrokers: kafka.brokers,
    redisUrl: redis.url,
    stop: async () => void (await Promise.all([kafka.close(), redis.close()])),
  };
}

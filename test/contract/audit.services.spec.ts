import { onTestFinished } from 'vitest';
import { openFleet } from '#drivers';
import { Secret, parseAddress, type Address } from '#runtime';
import { encodeSnapshot } from '#wire';
import { Stranger } from '../support/kafka-stage.ts';
import { redisClient } from '../support/redis-stage.ts';
import { services, uniquePrefix } from '../support/services/services.ts';
import { auditContract } from './audit.contract.ts';

const PARTITIONS = 2;

auditContract('fleet', async () => {
  const { kafkaBrokers, redisUrl } = services();
  const prefix = uniquePrefix();
  const brokers = kafkaBrokers.split(',').map((broker) => parseAddress(broker) as Address);
  const unheard = { failed: () => {}, reached: () => {} };
  const drivers = openFleet({
    config: { kind: 'fleet', kafkaBrokers: brokers, redisUrl: new Secret(redisUrl), topicPrefix: `${prefix}.`, redisPrefix: `${prefix}:`, partitions: PARTITIONS },
    instance: prefix,
    kafka: unheard,
    redis: unheard,
    onError: () => {},
  });
  onTestFinished(() => drivers.close());
  await drivers.prepare();
  const redis = redisClient();
  const admin = await new Stranger().admin();
  return {
    drivers,
    env: {
      FUSEBOARD_KAFKA_BROKERS: kafkaBrokers,
      FUSEBOARD_REDIS_URL: redisUrl,
      FUSEBOARD_TOPIC_PREFIX: `${prefix}.`,
      FUSEBOARD_REDIS_PREFIX: `${prefix}:`,
      FUSEBOARD_PARTITIONS: `${PARTITIONS}`,
    },
    tamper: async (partition, snapshot) => void (await redis.hset(`${prefix}:{${partition}}:snapshots`, snapshot.upstream, Buffer.from(encodeSnapshot(snapshot)))),
    cut: async (partition, before) => {
      // kafkajs knows no topic that it was not asked about before.
      await admin.fetchTopicOffsets(`${prefix}.outcomes`);
      await admin.deleteTopicRecords({ topic: `${prefix}.outcomes`, partitions: [{ partition, offset: `${before}` }] });
    },
    release: async () => {},
  };
});

/**
 * The floor under a trip, in a process of its own as ingest is: a record is consumed, one EVALSHA sets a key and
 * publishes. Nothing is decided, kept apart, compared or made sure of.
 */
import { Redis } from 'ioredis';
import kafkajs from 'kafkajs';

export interface FloorOrder {
  readonly kafkaBrokers: string;
  readonly redisUrl: string;
  /** Names the topic, the key and the channel. */
  readonly name: string;
}

const SCRIPT = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('PUBLISH', KEYS[1], ARGV[1])";

if (process.send !== undefined) process.once('message', (order: FloorOrder) => void run(order));

async function run({ kafkaBrokers, redisUrl, name }: FloorOrder): Promise<void> {
  const redis = new Redis(redisUrl);
  const sha = (await redis.script('LOAD', SCRIPT)) as string;
  const kafka = new kafkajs.Kafka({ brokers: kafkaBrokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: name });
  await consumer.connect();
  await consumer.subscribe({ topic: name, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 3,
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) await redis.evalsha(sha, 1, name, value ?? '');
    },
  });
  process.send?.('ready');
}

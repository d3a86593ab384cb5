/** The test services themselves: what every other `*.services.spec.ts` relies on. */
import { Redis } from 'ioredis';
import kafkajs from 'kafkajs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { kafkaAnswers, redisAnswers } from '../support/services/answers.ts';
import { ownKafka, ownKafkaCluster, ownRedis, services, uniquePrefix } from '../support/services/services.ts';

async function topicsOf(brokers: string, make: readonly string[] = []): Promise<string[]> {
  const admin = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    if (make.length > 0) await admin.createTopics({ waitForLeaders: true, topics: make.map((topic) => ({ topic, numPartitions: 1 })) });
    return await admin.listTopics();
  } finally {
    await admin.disconnect();
  }
}

function redisOf(url: string): Redis {
  const redis = new Redis(url);
  redis.on('error', () => undefined);
  onTestFinished(() => redis.disconnect());
  return redis;
}

describe('the services of a run', () => {
  test('Kafka answers as a broker and makes topics', async () => {
    const topic = uniquePrefix();
    await kafkaAnswers(services().kafkaBrokers);
    expect(await topicsOf(services().kafkaBrokers, [topic])).toContain(topic);
  });

  test('Redis answers and keeps keys', async () => {
    const key = uniquePrefix();
    await redisAnswers(services().redisUrl);
    const redis = redisOf(services().redisUrl);
    await redis.set(key, 'kept', 'EX', 60);
    expect(await redis.get(key)).toBe('kept');
  });

  test('prefixes are never the same', () => {
    expect(new Set(Array.from({ length: 1_000 }, uniquePrefix)).size).toBe(1_000);
  });
});

describe('servers of one test alone', () => {
  test('a Kafka that was killed comes back on its port with its topics', { timeout: 120_000 }, async (context) => {
    const kafka = await ownKafka(context);
    const { brokers, pid } = kafka;
    await topicsOf(brokers, ['kept']);
    await kafka.stop('SIGKILL');
    expect(kafka.pid).toBeUndefined();
    await expect(kafkaAnswers(brokers)).rejects.toThrow('ECONNREFUSED');
    await kafka.start();
    expect(kafka.pid).not.toBe(pid);
    expect(kafka.brokers).toBe(brokers);
    expect(await topicsOf(brokers)).toContain('kept');
  });

  test('a cluster of three takes appends from all while one node is dead, and is whole again when it is back', { timeout: 180_000 }, async (context) => {
    const cluster = await ownKafkaCluster(context, { brokers: 3 });
    await topicsOf(cluster.brokers, ['kept']);
    await cluster.whole();
    const [leader] = (await cluster.leaders('kept')).values();
    const dead = cluster.node(leader ?? 0);
    await dead.stop('SIGKILL');
    const producer = new kafkajs.Kafka({ brokers: cluster.brokers.split(','), logLevel: kafkajs.logLevel.NOTHING }).producer({ createPartitioner: () => () => 0 });
    await producer.connect();
    onTestFinished(() => producer.disconnect());
    const send = (value: string) => producer.send({ topic: 'kept', acks: -1, messages: [{ value }] }).catch(() => undefined);
    await eventually(() => send('while it is dead'), { what: 'another node to lead', deadlineMs: 60_000 });
    expect([...(await cluster.leaders('kept')).values()]).not.toEqual([leader]);
    await dead.start();
    await cluster.whole();
    expect(await topicsOf(dead.brokers)).toContain('kept');
  });

  test('a Redis takes arguments, and comes back on its port with what it kept on disk', async (context) => {
    const server = await ownRedis(context, { args: ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'allkeys-lru'] });
    const redis = redisOf(server.url);
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'allkeys-lru']);
    await redis.set('kept', 'yes');
    await server.stop('SIGKILL');
    await expect(redisAnswers(server.url)).rejects.toThrow('ECONNREFUSED');
    await server.start();
    expect(await redis.get('kept')).toBe('yes');
  });

  test('a server ends with the process that started it, which was killed, and its files go', async () => {
    const starter = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/redis-starter.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void starter.kill('SIGKILL'));
    const [line] = (await once(starter.stdout.setEncoding('utf8'), 'data')) as [string];
    const { url, folder } = JSON.parse(line) as { url: string; folder: string };
    await redisAnswers(url);
    expect(existsSync(folder)).toBe(true);
    starter.kill('SIGKILL');
    await eventually(() => redisAnswers(url).then(() => undefined, () => true), { what: 'the server to end' });
    await eventually(() => !existsSync(folder) || undefined, { what: 'its files to go' });
  });
});

/** An outcomes topic full of records such as a proxy sends, for who reads as fast as it can. */
import kafkajs from 'kafkajs';
import { encodeOutcome, partitionOf } from '#wire';
import type { BenchFleet } from './fleet.ts';

export const PARTITIONS = 12;
export const VALUE_BYTES = 191;
/** One partition's share must fit in a batch of 1 MiB, also where it is all. */
const SEND_MAX = 4_000;
const SENDS_AT_ONCE = 2;
const RESULTS = [200, 200, 200, 200, 503].map((code) => ({ kind: 'status', code }) as const);

export interface LogOrder {
  readonly records: number;
  readonly upstreams: readonly string[];
  /** Calls that each record stands for (L4). */
  readonly count: number;
}

export const hostsOf = (upstreams: number): string[] => Array.from({ length: upstreams }, (_, n) => `u${n}.ingest.bench.local`);

/** Gives what a reader of all of them meets, marks not included. */
export async function fillLog({ services, prefix }: BenchFleet, { records, upstreams, count }: LogOrder): Promise<void> {
  const kafka = new kafkajs.Kafka({ brokers: services.kafkaBrokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: () => ({ message }) => partitionOf(String(message.key), PARTITIONS) });
  await producer.connect();
  let sent = 0;
  const sendSome = async (): Promise<void> => {
    while (sent < records) {
      const from = sent;
      sent = Math.min(records, from + SEND_MAX);
      const messages = Array.from({ length: sent - from }, (_, n) => recordOf(from + n, upstreams[(from + n) % upstreams.length] as string, count));
      await producer.send({ topic: `${prefix}.outcomes`, acks: 1, messages });
    }
  };
  await Promise.all(Array.from({ length: SENDS_AT_ONCE }, sendSome));
  await producer.disconnect();
}

function recordOf(n: number, upstream: string, count: number): kafkajs.Message {
  const outcome = {
    upstream,
    atMs: Date.now(),
    reporter: 'proxy-1',
    id: `proxy-1/${n.toString(36)}`,
    result: RESULTS[n % RESULTS.length] as (typeof RESULTS)[number],
    durationMs: 1 + (n % 97) / 8,
    count,
    admitted: { incarnation: 1, generation: 1 },
    target: '',
  };
  const bare = encodeOutcome(outcome).length;
  return { key: upstream, value: Buffer.from(encodeOutcome({ ...outcome, target: '10.0.0.1:80'.padEnd(Math.max(11, VALUE_BYTES - bare), '0') })) };
}

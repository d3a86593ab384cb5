/** Load beside a trip, in a process of its own: outcomes of upstreams that never trip, at a rate, or as many as go. */
import kafkajs from 'kafkajs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LoadOrder {
  readonly kafkaBrokers: string;
  readonly topic: string;
  readonly hosts: readonly string[];
  /** Records a second; absent: as many as are acknowledged. */
  readonly rate?: number;
}

/** Told each second: records acknowledged since the start, and for how long, ms. */
export interface LoadReport {
  readonly records: number;
  readonly tookMs: number;
}

const SEND_EACH_MS = 10;
const SEND_RECORDS_MAX = 1_000;
/** About 190 bytes, as one call of a proxy. */
const PADDING = 'x'.repeat(60);

if (process.send !== undefined) process.once('message', (order: LoadOrder) => void run(order));

async function run({ kafkaBrokers, topic, hosts, rate = Infinity }: LoadOrder): Promise<void> {
  const kafka = new kafkajs.Kafka({ brokers: kafkaBrokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const startMs = performance.now();
  let [sent, records] = [0, 0];
  setInterval(() => process.send?.({ records, tookMs: performance.now() - startMs } satisfies LoadReport), 1_000);
  for (;;) {
    const due = rate === Infinity ? SEND_RECORDS_MAX : Math.floor(((performance.now() - startMs) / 1_000) * rate) - sent;
    const count = Math.min(due, SEND_RECORDS_MAX);
    if (count > 0) {
      const messages = Array.from({ length: count }, () => recordOf(hosts[sent++ % hosts.length] as string, sent));
      await producer.send({ topic, acks: -1, messages });
      records += count;
    }
    if (count < SEND_RECORDS_MAX) await sleep(SEND_EACH_MS);
  }
}

function recordOf(upstream: string, n: number): kafkajs.Message {
  return { key: upstream, value: JSON.stringify({ v: 1, id: `${n}`, upstream, at: Date.now(), status: 200, durationMs: 4.2, reporter: 'load', zone: PADDING }) };
}

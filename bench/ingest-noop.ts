/** The peer of the ingest benchmark, in a process of its own: reads the same records by kafkajs, and parses their JSON. */
import kafkajs from 'kafkajs';

export interface NoopOrder {
  readonly kafkaBrokers: string;
  readonly topic: string;
}

const TELLS_EACH_MS = 20;

let parsed = 0;

if (process.send !== undefined) {
  process.on('disconnect', () => process.exit());
  process.once('message', (order: NoopOrder) => void run(order));
  // The parent may be gone already.
  setInterval(() => process.send?.(parsed, () => {}), TELLS_EACH_MS);
}

async function run({ kafkaBrokers, topic }: NoopOrder): Promise<void> {
  const kafka = new kafkajs.Kafka({ brokers: kafkaBrokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `${topic}.${Math.random().toString(36).slice(2)}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) if (JSON.parse(String(value)) !== undefined) parsed++;
    },
  });
}

/** Kafka and Redis as containers, by testcontainers. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { GenericContainer, Wait, type StartedTestContainer } from 'testcontainers';
import { eventually } from '../eventually.ts';
import { kafkaAnswers, redisAnswers } from './answers.ts';
import { HEAP, KAFKA_SETTINGS } from './kafka-broker.ts';
import { onDeath } from './on-death.ts';
import { restartablePort } from './server-process.ts';
import type { Opened } from './start-services.ts';

const KAFKA_IMAGE = 'apache/kafka:4.3.1';
const REDIS_IMAGE = 'redis:8';

/** How long a container may take until its log says that it is ready, its image being there, ms. */
const READY_WITHIN_MS = 90_000;
/** How long it may take with the download of its image, ms; a registry out of reach can take for ever. */
const START_WITHIN_MS = 300_000;
/** Marks this process's containers, to find them when it was killed. */
const LABEL = { name: 'fuseboard.test-run', value: randomUUID() };
const REMOVE = `docker ps -aq --filter label=${LABEL.name}=${LABEL.value} | xargs -r docker rm -f -v`;

/** @throws Error where the image can't be had, or the container doesn't start or can't be reached. */
export async function openKafkaContainer({ forLoad }: { readonly forLoad: boolean }): Promise<Opened> {
  // The port is part of what Kafka tells its clients, so it must be known beforehand.
  const port = await restartablePort();
  const settings = {
    'node.id': '1',
    'process.roles': 'broker,controller',
    listeners: 'PLAINTEXT://:9092,INSIDE://localhost:19092,CONTROLLER://localhost:9093',
    // The broker calls itself too (transactions), and the published port is none of the container's.
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},INSIDE://localhost:19092`,
    'inter.broker.listener.name': 'INSIDE',
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': '1@localhost:9093',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT',
    ...KAFKA_SETTINGS,
  };
  const environment = Object.entries(settings).map(([name, value]) => [`KAFKA_${name.replaceAll('.', '_').toUpperCase()}`, value] as const);
  const container = new LoopbackContainer(KAFKA_IMAGE, { container: 9092, host: port })
    .withEnvironment({ ...Object.fromEntries(environment), KAFKA_HEAP_OPTS: HEAP[forLoad ? 'forLoad' : 'quick'].join(' ') })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/));
  return opened(container, `127.0.0.1:${port}`, kafkaAnswers);
}

/** @throws Error where the image can't be had, or the container doesn't start or can't be reached. */
export async function openRedisContainer(): Promise<Opened> {
  const port = await restartablePort();
  const container = new LoopbackContainer(REDIS_IMAGE, { container: 6379, host: port })
    .withCommand(['redis-server', '--save', '', '--appendonly', 'no'])
    .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/));
  return opened(container, `redis://127.0.0.1:${port}`, redisAnswers);
}

/** testcontainers would publish on every address. */
class LoopbackContainer extends GenericContainer {
  constructor(image: string, ports: { readonly container: number; readonly host: number }) {
    super(image);
    // No Ryuk: its image may be out of reach, and this process's guard removes what is left.
    this.withExposedPorts(ports).withLabels({ [LABEL.name]: LABEL.value }).withAutoCleanup(false).withStartupTimeout(READY_WITHIN_MS);
    this.hostConfig.PortBindings = { [`${ports.container}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: `${ports.host}` }] };
  }
}

async function opened(container: GenericContainer, address: string, answers: (address: string) => Promise<void>): Promise<Opened> {
  // Where this process runs in a container itself, testcontainers would look for the ports on the bridge.
  process.env['TESTCONTAINERS_HOST_OVERRIDE'] ??= '127.0.0.1';
  const release = onDeath(['/bin/sh', '-c', REMOVE]);
  let running: StartedTestContainer | undefined;
  const remove = async (): Promise<void> => void (await running?.stop({ remove: true, removeVolumes: true, timeout: 0 }));
  try {
    const starting = container.start();
    const late = sleep(START_WITHIN_MS, undefined, { ref: false }).then(() => Promise.reject(new Error(`it did not start in ${START_WITHIN_MS} ms`)));
    running = await Promise.race([starting, late]);
    await eventually(() => answers(address).then(() => true), { what: `${address} to answer` });
  } catch (error) {
    // The guard stays: what comes too late, or was left half made, goes with this process.
    await remove();
    throw error;
  }
  return { address, close: () => remove().then(release) };
}

/** One Kafka node as a process: KRaft, broker and controller in one, as small and as quick to start as it can be. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kafkaAnswers } from './answers.ts';
import { ServerProcess } from './server-process.ts';

export interface Listener {
  readonly name: string;
  readonly port: number;
  /** Default: its name. */
  readonly protocol?: string;
  /** What clients are told; default: its port. Another one leads through something in between. */
  readonly advertisedPort?: number;
}

export interface Broker {
  /** Holds its data (data/), settings and log. */
  readonly folder: string;
  readonly port: number;
  readonly controllerPort: number;
  /** Default 1. */
  readonly nodeId?: number;
  /** Controller ports of all nodes, by node id from 1; default: of this one alone. */
  readonly controllerPorts?: readonly number[];
  /** Listeners beside the plain one, such as `{ name: 'SASL_SSL', port }`. */
  readonly listeners?: readonly Listener[];
  /** Over what is set here. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** How long until it must know itself as a broker, ms: after a SIGKILL it takes up to 14 s, more on a busy machine. */
const READY_WITHIN_MS = 90_000;

export function startBroker({ java, jvmArgs, ...broker }: Broker & { readonly java: string; readonly jvmArgs: readonly string[] }): Promise<ServerProcess> {
  return ServerProcess.start({
    name: 'Kafka',
    command: java,
    args: [...jvmArgs, 'kafka.Kafka', writeSettings(broker)],
    logFile: join(broker.folder, 'log'),
    answers: () => kafkaAnswers(`127.0.0.1:${broker.port}`),
    readyWithinMs: READY_WITHIN_MS,
  });
}

/** Gives the file's path. */
export function writeSettings(broker: Broker): string {
  const path = join(broker.folder, 'server.properties');
  const settings = { ...where(broker), ...KAFKA_SETTINGS, ...broker.settings };
  writeFileSync(path, Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(''));
  return path;
}

function where({ folder, port, controllerPort, nodeId = 1, controllerPorts = [controllerPort], listeners = [] }: Broker): Record<string, string> {
  const brokers: readonly Listener[] = [{ name: 'PLAINTEXT', port }, ...listeners];
  const urls = brokers.map((each) => `${each.name}://127.0.0.1:${each.port}`).join(',');
  const advertised = brokers.map((each) => `${each.name}://127.0.0.1:${each.advertisedPort ?? each.port}`).join(',');
  return {
    'process.roles': 'broker,controller',
    'node.id': `${nodeId}`,
    listeners: `${urls},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': advertised,
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': controllerPorts.map((each, index) => `${index + 1}@127.0.0.1:${each}`).join(','),
    'listener.security.protocol.map': ['CONTROLLER:PLAINTEXT', ...brokers.map(({ name, protocol = name }) => `${name}:${protocol}`)].join(','),
    'log.dirs': join(folder, 'data'),
  };
}

/** Of the JVM. */
export const HEAP = { quick: ['-Xms256m', '-Xmx384m'], forLoad: ['-Xms1g', '-Xmx1g'] } as const;

/** What doesn't depend on where it runs. */
export const KAFKA_SETTINGS: Readonly<Record<string, string>> = {
  'auto.create.topics.enable': 'false',
  // A group's first member need not wait for others; a test may take a session shorter than 6 s.
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '1000',
  // One node is all replicas.
  'default.replication.factor': '1',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '1',
  // Known as a broker again soon after a kill.
  'broker.session.timeout.ms': '2000',
  'broker.heartbeat.interval.ms': '300',
  // Little memory and few threads.
  'num.network.threads': '2',
  'num.io.threads': '2',
  'background.threads': '2',
  'log.cleaner.threads': '1',
  'log.cleaner.dedupe.buffer.size': '16777216',
};

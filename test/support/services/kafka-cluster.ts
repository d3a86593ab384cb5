/**
 * Several Kafka nodes as one cluster, each broker and controller, each a process that can be killed, frozen and started
 * by itself. Topics and groups are on all of them, and an append that is acknowledged by all stands on two at least.
 */
import kafkajs from 'kafkajs';
import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaAnswers } from './answers.ts';
import { KafkaServer, type KafkaOptions } from './kafka.ts';
import { restartablePort } from './server-process.ts';

export interface ClusterOptions extends KafkaOptions {
  /** Nodes; default 3. */
  readonly brokers?: number;
}

/** Until every node knows the others, or every replica has caught up, ms. */
const WHOLE_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 100;

export class KafkaCluster {
  /** By node id, from 1 at index 0. */
  readonly nodes: readonly KafkaServer[];

  private constructor(nodes: readonly KafkaServer[]) {
    this.nodes = nodes;
  }

  /** Resolves when each node knows all. */
  static async open({ brokers = 3, ...options }: ClusterOptions): Promise<KafkaCluster> {
    const controllerPorts: number[] = [];
    while (controllerPorts.length < brokers) controllerPorts.push(await restartablePort());
    const nodes: KafkaServer[] = [];
    for (const [index, port] of controllerPorts.entries()) {
      nodes.push(await KafkaServer.make(options, port, { nodeId: index + 1, controllerPorts, settings: settingsOf(brokers) }));
    }
    const cluster = new KafkaCluster(nodes);
    try {
      // None answers before most of them are there.
      await Promise.all(nodes.map((node) => node.start()));
      await cluster.whole();
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** `host:port` of each node, separated by commas. */
  get brokers(): string {
    return this.nodes.map(({ brokers }) => brokers).join(',');
  }

  /** The node with this id: what Kafka's metadata calls leader, replica, controller. */
  node(id: number): KafkaServer {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new Error(`the cluster has nodes 1 to ${this.nodes.length}, not ${id}`);
    return node;
  }

  /** Ids by partition. */
  async leaders(topic: string): Promise<ReadonlyMap<number, number>> {
    return new Map((await this.#partitions([topic])).map(({ partitionId, leader }) => [partitionId, leader]));
  }

  /** Resolves when every node runs and knows all others, and every replica of every topic is in sync. */
  async whole(): Promise<void> {
    const endMs = performance.now() + WHOLE_WITHIN_MS;
    for (;;) {
      try {
        await Promise.all(this.nodes.map(({ brokers }) => kafkaAnswers(brokers, this.nodes.length)));
        const behind = (await this.#partitions()).filter(({ isr, replicas }) => isr.length < replicas.length);
        if (behind.length === 0) return;
        throw new Error(`${behind.length} partitions have replicas that are behind`);
      } catch (error) {
        if (performance.now() > endMs) throw new Error(`the cluster is not whole after ${WHOLE_WITHIN_MS} ms`, { cause: error });
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** Ends all and removes their data. */
  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
  }

  async #partitions(of?: readonly string[]): Promise<kafkajs.PartitionMetadata[]> {
    const running = this.nodes.filter(({ pid }) => pid !== undefined).map(({ brokers }) => brokers);
    const admin = new kafkajs.Kafka({ brokers: running, logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      const topics = of ?? (await admin.listTopics());
      const metadata = await admin.fetchTopicMetadata({ topics: [...topics] });
      return metadata.topics.flatMap(({ partitions }) => partitions);
    } finally {
      await admin.disconnect();
    }
  }
}

function settingsOf(brokers: number): Readonly<Record<string, string>> {
  const most = `${Math.min(2, brokers)}`;
  return {
    'default.replication.factor': `${brokers}`,
    'min.insync.replicas': most,
    'offsets.topic.replication.factor': `${brokers}`,
    'transaction.state.log.replication.factor': `${brokers}`,
    'transaction.state.log.min.isr': most,
    'share.coordinator.state.topic.replication.factor': `${brokers}`,
    'share.coordinator.state.topic.min.isr': most,
    // Three JVMs on a busy machine hold still for longer than one does.
    'broker.session.timeout.ms': '4000',
  };
}

/**
 * Starts a cluster of one's own.
 * @throws NoServiceError where this machine can't run one.
 */
export function startKafkaCluster(options: ClusterOptions = {}): Promise<KafkaCluster> {
  return KafkaCluster.open(options);
}

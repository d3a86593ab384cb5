/**
 * A connection for reading: records by partition and offset, and offsets. Made when it is first used; given up when it
 * fails, and then the next use makes another, so that nothing that broke it stays.
 */
import type Cluster from 'kafkajs/src/cluster/index.js';
import type { FetchedMessage } from 'kafkajs/src/cluster/index.js';
import { Client, type ClientOptions } from './client.ts';
import { UnreadableBatch } from './codecs.ts';
import { typeOf, type Connectivity } from './connectivity.ts';
import { fetchBatches } from './fetch.ts';
import type { RecordBatch } from './record-batch.ts';
import { lacking, type Right } from './rights.ts';
import { within } from './within.ts';

/** For connection, metadata and answer together, ms; beyond what a fetch waits for records. */
const LINK_TIMEOUT_MS = 4_000;
/** Of one fetch; a batch of records that is larger comes whole. */
const FETCH_BYTES_MAX = 4 * 1024 * 1024;
const PARTITION_BYTES_MAX = 512 * 1024;
/** As `partitionBytesMax`: a batch comes whole, however little was asked for. */
export const ONE_BATCH = 1;

/** What a fetch gave of one partition. */
export interface Fetched {
  readonly partition: number;
  /** Where it was asked from. */
  readonly from: number;
  /** Without transaction markers; what the first holds may begin below `from`. */
  readonly batches: readonly RecordBatch[];
  /** Where to go on. */
  readonly next: number;
  /** Offset of the record that will be appended next, as the broker answered. */
  readonly end: number;
}

/** One by one, as kafkajs gives them. */
export function messagesOf({ batches, from }: Pick<Fetched, 'batches' | 'from'>): FetchedMessage[] {
  return batches.flatMap((batch) => batch.messages()).filter(({ offset }) => Number(offset) >= from);
}

export interface Bounds {
  readonly first: number;
  readonly next: number;
}

export interface FetchOptions {
  /** How long the broker may wait for a first record, ms. */
  readonly waitMs: number;
  readonly partitionBytesMax?: number;
}

export class Link {
  readonly #name: string;
  readonly #topic: string;
  readonly #options: ClientOptions;
  readonly #connectivity: Connectivity;
  #session: Session | undefined;
  #closed = false;

  /** @param name which connection it is, for `connectivity` */
  constructor(name: string, topic: string, by: { readonly client: ClientOptions; readonly connectivity: Connectivity }) {
    this.#name = name;
    this.#topic = topic;
    this.#options = by.client;
    this.#connectivity = by.connectivity;
  }

  /** Partitions by the broker that leads them. */
  async leaders(partitions: readonly number[]): Promise<ReadonlyMap<string, readonly number[]>> {
    return await this.#use({ what: 'finding partition leaders', right: this.#read }, async (cluster) => new Map(Object.entries(cluster.findLeaderForPartitions(this.#topic, partitions))));
  }

  /** One fetch of each broker at once; gives nothing of a partition that has nothing to give. */
  async fetch(positions: ReadonlyMap<number, number>, options: FetchOptions): Promise<readonly Fetched[]> {
    return await this.#use(
      { what: 'fetching records', right: this.#read, waitMs: options.waitMs },
      async (cluster) => {
        await cluster.refreshMetadataIfNecessary();
        const byLeader = Object.entries(cluster.findLeaderForPartitions(this.#topic, [...positions.keys()]));
        if (byLeader.flatMap(([, led]) => led).length < positions.size) throw new Error(`${this.#topic} has fewer partitions than it had, or none`);
        const fetched = byLeader.map(([nodeId, partitions]) => this.#fetchFrom(cluster, { nodeId, partitions, positions, options }));
        return (await Promise.all(fetched)).flat();
      },
    );
  }

  /** How many the topic has now; 0: it is not there. */
  async partitions(): Promise<number> {
    return await this.#use({ what: 'counting partitions', right: `Describe on topic ${this.#topic}` }, async (cluster) => {
      await cluster.refreshMetadata();
      return cluster.findTopicPartitionMetadata(this.#topic).length;
    });
  }

  /** Of every partition, in order. */
  async bounds(partitions: number): Promise<readonly Bounds[]> {
    return await this.#use({ what: 'asking for offsets', right: `Describe on topic ${this.#topic}` }, async (cluster) => {
      const each = Array.from({ length: partitions }, (_, partition) => ({ partition }));
      // In this order: between the two, records can only come, and what is deleted at the front was there at `next`.
      const [next, first] = await Promise.all(
        [false, true].map((fromBeginning) => cluster.fetchTopicsOffset([{ topic: this.#topic, fromBeginning, partitions: each }])),
      );
      const offsetIn = (found: typeof next, partition: number): number => {
        const offset = found?.flatMap((topic) => topic.partitions).find((entry) => entry.partition === partition)?.offset;
        if (offset === undefined) throw new Error(`no offset of partition ${partition} of ${this.#topic} was given`);
        return Number(offset);
      };
      return each.map(({ partition }) => ({ first: offsetIn(first, partition), next: offsetIn(next, partition) }));
    });
  }

  /** What a group has committed, by partition; what isn't known, for now or for good, is not there. */
  async committed(groupId: string, partitions: number): Promise<ReadonlyMap<number, number>> {
    return await this.#use({ what: 'asking for committed offsets', right: `Describe on group ${groupId}` }, async (cluster) => {
      const each = Array.from({ length: partitions }, (_, partition) => ({ partition }));
      const asked = cluster.findGroupCoordinator({ groupId }).then((broker) => broker.offsetFetch({ groupId, topics: [{ topic: this.#topic, partitions: each }] }));
      const { responses } = await asked.catch(async (error: unknown) => {
        if (!isWithoutCoordinator(error)) throw error;
        return this.#askForCoordinator(cluster, groupId).then(() => ({ responses: [] }));
      });
      const found = responses.flatMap((topic) => topic.partitions).map(({ partition, offset }) => [partition, Number(offset)] as const);
      return new Map(found.filter(([, offset]) => offset >= 0));
    });
  }

  /** Resolves unless nobody will tell this login who coordinates the group. @throws MissingRight */
  async mayJoin(groupId: string): Promise<void> {
    await this.#use({ what: 'asking for a group', right: `Read on group ${groupId}` }, (cluster) => this.#askForCoordinator(cluster, groupId));
  }

  /** It is not going to be used for a while, so nobody would find out that its trouble is over. */
  rest(): void {
    this.#connectivity.gone(this.#name);
  }

  close(): void {
    this.#closed = true;
    this.#drop(this.#session);
    this.#connectivity.gone(this.#name);
  }

  /** kafkajs keeps it to itself why it found none. */
  async #askForCoordinator(cluster: Cluster, groupId: string): Promise<void> {
    const [nodeId = ''] = Object.keys(cluster.findLeaderForPartitions(this.#topic, [0]));
    const broker = await cluster.findBroker({ nodeId });
    await broker.findGroupCoordinator({ groupId, coordinatorType: 0 }).catch((error: unknown) => {
      if (!isWithoutCoordinator(error)) throw error;
    });
  }

  async #fetchFrom(cluster: Cluster, { nodeId, partitions, positions, options }: LeaderFetch): Promise<Fetched[]> {
    const broker = await cluster.findBroker({ nodeId });
    const { waitMs, partitionBytesMax = PARTITION_BYTES_MAX } = options;
    const wanted = partitions.map((partition) => ({ partition, fetchOffset: `${positions.get(partition)}`, maxBytes: partitionBytesMax }));
    const fetched = await fetchBatches(broker, {
      maxWaitTime: waitMs,
      minBytes: 1,
      maxBytes: FETCH_BYTES_MAX,
      // An unfinished transaction would hold up what others write behind it, and decisions with it.
      isolationLevel: 0,
      topics: [{ topic: this.#topic, partitions: wanted }],
    });
    return fetched.map(({ partition, highWatermark, batches, next }) => {
      const from = positions.get(partition) as number;
      return { partition, from, batches, next: Math.max(from, next ?? from), end: highWatermark };
    });
  }

  get #read(): Right {
    return `Read on topic ${this.#topic}`;
  }

  async #use<T>({ what, right, waitMs = 0 }: Use, work: (cluster: Cluster) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('the Kafka driver is closed');
    const session = (this.#session ??= new Session(this.#options, this.#topic));
    try {
      const result = await within(LINK_TIMEOUT_MS + waitMs, `${what} of ${this.#topic}`, session.ready.then(work));
      this.#connectivity.reached(this.#name);
      return result;
    } catch (caught) {
      const error = lacking(caught, right);
      if (isAnswer(error) || this.#closed) throw error;
      // Somebody else's trouble ended it, and has been told.
      if (this.#session !== session) throw new GivenUp(`${what} of ${this.#topic} ended with its connection`, { cause: error });
      this.#drop(session);
      this.#connectivity.failed(this.#name, error);
      throw error;
    }
  }

  #drop(session: Session | undefined): void {
    session?.end();
    if (this.#session === session) this.#session = undefined;
  }
}

/** What else was asked over the same connection had trouble; nothing speaks against asking again at once. */
export class GivenUp extends Error {
  override readonly name = 'GivenUp';
}

/** The connection is as good as ever: it is the position, or the bytes, that can't be had. */
function isAnswer(error: unknown): boolean {
  return isOutOfRange(error) || isUnreadable(error);
}

/** A cluster's first group waits for its coordinator; nothing was committed so far that is of use. */
export function isWithoutCoordinator(error: unknown): boolean {
  return /COORDINATOR|GROUP_LOAD_IN_PROGRESS/.test(typeOf(error)) || (error instanceof Error && error.name === 'KafkaJSGroupCoordinatorNotFound');
}

export function isOutOfRange(error: unknown): boolean {
  return typeOf(error) === 'OFFSET_OUT_OF_RANGE';
}

/** A RangeError is what kafkajs gives for one set of the old format with more records (100,000) than a call may have arguments. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof UnreadableBatch || error instanceof RangeError;
}

interface Use {
  /** For the error that it takes too long. */
  readonly what: string;
  /** What it needs. */
  readonly right: Right;
  /** What the broker may wait for, ms. */
  readonly waitMs?: number;
}

interface LeaderFetch {
  readonly nodeId: string;
  readonly partitions: readonly number[];
  readonly positions: ReadonlyMap<number, number>;
  readonly options: FetchOptions;
}

class Session {
  readonly ready: Promise<Cluster>;
  readonly #client: Client;

  constructor(options: ClientOptions, topic: string) {
    this.#client = new Client(options);
    this.ready = this.#connect(this.#client.cluster(), topic);
    // Whoever uses it hears of it.
    this.ready.catch(() => {});
  }

  end(): void {
    this.#client.destroy();
  }

  async #connect(cluster: Cluster, topic: string): Promise<Cluster> {
    await cluster.connect();
    await cluster.addMultipleTargetTopics([topic]);
    return cluster;
  }
}

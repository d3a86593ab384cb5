/** What a row is given: servers of its own, a fleet on them, and an end to all of it. */
import { startKafkaCluster, type KafkaCluster } from '../support/services/kafka-cluster.ts';
import { KafkaServer, type Place } from '../support/services/kafka.ts';
import { restartablePort } from '../support/services/server-process.ts';
import { startRedis, type RedisOptions, type RedisServer } from '../support/services/redis.ts';
import { FaultLink } from '../support/fault-link.ts';
import { World, type WorldOptions } from './world.ts';

export interface LinkedRedis {
  readonly redis: RedisServer;
  readonly link: FaultLink;
  readonly viaLink: Readonly<Record<string, string>>;
}

export interface LinkedKafka {
  readonly kafka: KafkaServer;
  readonly link: FaultLink;
  readonly viaLink: Readonly<Record<string, string>>;
}

export class Stage {
  /** Of the Kafka that all rows share. */
  readonly #kafkaBrokers: string;
  readonly #isShort: boolean;
  readonly #closes: (() => Promise<unknown>)[] = [];
  #world: World | undefined;

  constructor(kafkaBrokers: string, isShort: boolean) {
    this.#kafkaBrokers = kafkaBrokers;
    this.#isShort = isShort;
  }

  /** How long something lasts, seconds; the second with `--short`. */
  lasting(full: number, short: number): number {
    return this.#isShort ? short : full;
  }

  async kafka(place: Place = {}): Promise<KafkaServer> {
    return this.atEnd(await KafkaServer.open({}, place));
  }

  async kafkaCluster(): Promise<KafkaCluster> {
    return this.atEnd(await startKafkaCluster());
  }

  /** A Kafka with a second way to it, through a link, and what leads a process that way. */
  async linkedKafka(): Promise<LinkedKafka> {
    const port = await restartablePort();
    const link = await this.link(port);
    const kafka = await this.kafka({ listeners: [{ name: 'LINKED', protocol: 'PLAINTEXT', port, advertisedPort: link.port }] });
    return { kafka, link, viaLink: { FUSEBOARD_KAFKA_BROKERS: `127.0.0.1:${link.port}` } };
  }

  async redis(options: RedisOptions = {}): Promise<RedisServer> {
    return this.atEnd(await startRedis(options));
  }

  async link(port: number): Promise<FaultLink> {
    return this.atEnd(await FaultLink.open(port));
  }

  /** A Redis, a link in front of it, and what leads a process there. */
  async linkedRedis(options: RedisOptions = {}): Promise<LinkedRedis> {
    const redis = await this.redis(options);
    const link = await this.link(redis.port);
    return { redis, link, viaLink: { FUSEBOARD_REDIS_URL: `redis://127.0.0.1:${link.port}` } };
  }

  /** A fleet that works, with its loads running; on a Redis of its own unless told otherwise. */
  async world(options: Partial<WorldOptions> = {}): Promise<World> {
    const redisUrl = options.redisUrl ?? (await this.redis()).url;
    const world = this.atEnd(new World({ kafkaBrokers: this.#kafkaBrokers, ...options, redisUrl }));
    this.#world = world;
    await world.open();
    return world;
  }

  /** Closed with the row, in the opposite order. */
  atEnd<T extends { close(): Promise<unknown> }>(it: T): T {
    this.#closes.push(() => it.close());
    return it;
  }

  /** What the fleet's processes printed. */
  get output(): string {
    return this.#world?.fleet.output ?? '';
  }

  async close(): Promise<void> {
    for (const close of this.#closes.toReversed()) await close();
  }
}

/**
 * The fleet's drivers: logs in Kafka, states and documents in Redis. Opening them connects in the background and says
 * so nowhere but to `kafka` and `redis`; what is out of reach is tried again for as long as it takes.
 */
import { ControlView } from '#engine';
import { Outage, Sparing, formatAddress, formatRedisPlace, parseRedisUrl, type FleetConfig, type RedisConfig, type Runtime } from '#runtime';
import type { Drivers, OnError, Reach } from '../drivers.ts';
import { openKafka } from '../kafka/kafka.ts';
import type { Part } from '../kafka/topics.ts';
import { openRedis } from '../redis/redis.ts';
import { DocumentPublisher } from './document-publisher.ts';

export interface FleetOptions {
  readonly config: FleetConfig;
  /** This process, as others shall know it: FUSEBOARD_INSTANCE. */
  readonly instance: string;
  /** What it uses of Kafka; default: what ingest does. */
  readonly part?: Part;
  /** Folds in the standby's consumer group; default false. */
  readonly isStandby?: boolean;
  /** The newest rules that its owners can fold by; default ENGINE_VERSION. */
  readonly engine?: number;
  readonly kafka: Reach;
  readonly redis: Reach;
  /** What went wrong in the background and is tried again, other than being out of reach. */
  readonly onError: OnError;
  /** V3: how often states are compared with the store, ms; default 1,000. */
  readonly freshnessMs?: number;
}

export interface Fleet extends Drivers {
  /** Ends what runs, within a few seconds, reachable or not. Nothing is lost without it. Safe to call twice. */
  close(): Promise<void>;
}

/** @throws {StartError} a certificate or key can't be used */
export function openFleet(options: FleetOptions): Fleet {
  const { config, instance, part = 'ingest', isStandby = false, onError, freshnessMs } = options;
  const { kafkaBrokers: brokers, kafkaSecurity: security, topicPrefix, partitions, redisPrefix: prefix } = config;
  const kafka = openKafka({ brokers, ...(security && { security }), topicPrefix, partitions, instance, part, isStandby, reach: options.kafka, onError, ...(options.engine === undefined ? {} : { engine: options.engine }) });
  const redis = openRedis({ ...redisOf(config), prefix, partitions, instance, reach: options.redis, onError, ...(freshnessMs === undefined ? {} : { freshnessMs }) });
  const { outcomes, reader, control, transitions, deadLetters, history, checkpoints } = kafka;
  const { states, stateFeed, documentFeed, presence } = redis;
  let closing: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    await Promise.all([kafka.close(), redis.close()]);
  };
  const prepare = async (): Promise<void> => {
    try {
      await Promise.all([kafka.prepare(), redis.prepare()]);
    } catch (error) {
      // What a closed driver says of itself is no reason not to start.
      if (closing === undefined) throw error;
      await new Promise(() => {});
    }
  };
  return {
    partitions,
    outcomes,
    reader,
    control,
    states,
    stateFeed,
    documentFeed,
    transitions,
    deadLetters,
    kept: states,
    history,
    checkpoints,
    presence,
    prepare,
    publishDocuments: (view = new ControlView(control)) => new DocumentPublisher({ control, view, store: redis.documentStore, onError }).start(),
    close: () => (closing ??= end()),
  };
}

/** For a process: as it is configured, its outages in its log and its readiness. */
export function openFleetFor({ config, logger, health }: Runtime): Fleet {
  const { drivers, instance, isStandby, role } = config;
  if (drivers.kind !== 'fleet' || role === 'standalone') throw new Error(`assertion: ${role} runs on Kafka and Redis`);
  const meanwhile = MEANWHILE[role];
  const kafka = new Outage({ what: `Kafka at ${drivers.kafkaBrokers.map(formatAddress).join(', ')}`, meanwhile: meanwhile.kafka, logger, health });
  const redis = new Outage({ what: `Redis at ${redisAddress(drivers)}`, meanwhile: meanwhile.redis, logger, health });
  const sparing = new Sparing(logger);
  const onError: OnError = (error, doing) => {
    // What fails meanwhile fails for that reason, which is said.
    if (kafka.isOver && redis.isOver) sparing.warn(`${doing} failed and will be tried again`, { err: error });
  };
  return openFleet({ config: drivers, instance, part: role, isStandby, kafka, redis, onError });
}

function redisOf({ redisUrl, redisTls, redisSentinel }: FleetConfig): RedisConfig {
  return { redisUrl, ...(redisTls && { redisTls }), ...(redisSentinel && { redisSentinel }) };
}

function redisAddress({ redisUrl }: FleetConfig): string {
  const place = parseRedisUrl(redisUrl.reveal());
  return place === undefined ? 'an unknown place' : formatRedisPlace(place);
}

const MEANWHILE = {
  ingest: { kafka: 'nothing is decided', redis: 'nothing is decided' },
  proxy: { kafka: 'outcomes wait, and what finds no room is dropped and counted', redis: 'states are kept as they were last known' },
  console: { kafka: 'no history can be read, and nothing can be done by hand', redis: 'states are shown as they were last known' },
} as const;

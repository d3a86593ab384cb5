/**
 * The logs in Kafka: outcomes, control, transitions, dead letters (L1). Opening connects to nothing; the first call, or
 * `prepare`, does, in the background and for as long as it takes. Whether Kafka answers is told to `reach` alone.
 */
import { ENGINE_VERSION } from '#engine';
import type { Drivers, OnError, Reach } from '../drivers.ts';
import { StartError, formatAddress, type Address, type KafkaSecurity } from '#runtime/reach';
import { Appender } from './appender.ts';
import { KafkaCheckpointLog } from './checkpoint-log.ts';
import { Client, type ClientOptions } from './client.ts';
import { Connectivity } from './connectivity.ts';
import { KafkaControlLog } from './control-log.ts';
import { KafkaDeadLetters } from './dead-letter-log.ts';
import { explaining } from './explained.ts';
import { Link } from './link.ts';
import { LogBoundsReader } from './log-bounds.ts';
import { KafkaOutcomeLog } from './outcome-log.ts';
import { KafkaOutcomeReader } from './outcome-reader.ts';
import { Security } from './security.ts';
import { ensureTopics, topicsOf, type Part, type Topics } from './topics.ts';
import { KafkaTransitionHistory } from './transition-history.ts';
import { KafkaTransitionLog } from './transition-log.ts';
import { pause, within } from './within.ts';

/** How long a call that comes before the topics were made sure of waits for it, ms. */
const READY_WITHIN_MS = 8_000;
/** One attempt to make sure of the topics, ms. */
const PREPARE_TIMEOUT_MS = 20_000;
/** For an attempt that is on its way when its connections have been ended, ms. */
const CLOSE_TIMEOUT_MS = 1_000;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 1_000;
/** How often Kafka is asked something, so that it is noticed when it goes or returns though nothing else is asked. */
const ASK_EACH_MS = 1_000;

export interface KafkaOptions {
  readonly brokers: readonly Address[];
  /** Absent: cleartext, and nobody logs in. */
  readonly security?: KafkaSecurity;
  readonly topicPrefix: string;
  /** Of the outcomes topic (L1). */
  readonly partitions: number;
  /** This process, as the brokers' logs and group tools name it. */
  readonly instance: string;
  /** Which part of the fleet it is: what it makes sure of, and so what it must be allowed to. Default ingest: all of it. */
  readonly part?: Part;
  /** The newest rules that this process can fold by (engine-version.ts); default ENGINE_VERSION. */
  readonly engine?: number;
  /** Ingest's consumer group is the standby's; default false. */
  readonly isStandby?: boolean;
  readonly reach: Reach;
  /** What went wrong in the background and is tried again, other than Kafka being out of reach. */
  readonly onError: OnError;
}

export interface Kafka extends Pick<Drivers, 'outcomes' | 'reader' | 'control' | 'transitions' | 'deadLetters' | 'history' | 'checkpoints'> {
  /** @throws {StartError} a topic is not as it must be */
  prepare(): Promise<void>;
  /** Ends what runs, within a few seconds, reachable or not. Safe to call twice. */
  close(): Promise<void>;
}

/** @throws {StartError} a certificate or key can't be used */
export function openKafka({ brokers, security: how, topicPrefix, partitions, instance, part = 'ingest', isStandby = false, reach, onError, engine = ENGINE_VERSION }: KafkaOptions): Kafka {
  const topics = topicsOf(topicPrefix);
  const security = new Security(how);
  const connectivity = new Connectivity(explaining(reach, security));
  const by = { client: { brokers, instance, security }, connectivity };
  const preparation = new Preparation({ ...by, topics, partitions, part });
  const prepared = (): Promise<void> => preparation.settled();
  const ready = async (): Promise<void> => {
    if (!preparation.isDone) await within(READY_WITHIN_MS, `making sure of the topics ${topicPrefix}*`, prepared());
  };

  const appender = new Appender({ ...by, name: 'producer', topics: [topics.outcomes] });
  const checkpointAppender = new Appender({ ...by, name: 'checkpoint producer', topics: [topics.checkpoints] });
  const controlAppender = new Appender({ ...by, name: 'control producer', topics: [topics.control] });
  // Of one name: the first is used each second, so trouble of the others, perhaps never used again, doesn't stay.
  const reads = new Link('reads', topics.outcomes, by);
  const controlReads = new Link('reads', topics.control, by);
  const transitionReads = new Link('reads', topics.transitions, by);
  const checkpointReads = new Link('reads', topics.checkpoints, by);
  const group = `${topicPrefix}${isStandby ? 'standby' : 'ingest'}`;
  const bounds = new LogBoundsReader({ reads, partitions, group });
  const common = { ready, appender, onError };

  const outcomes = new KafkaOutcomeLog({ topic: topics.outcomes, partitions, appender, ready });
  const reader = new KafkaOutcomeReader({ ...by, topic: topics.outcomes, partitions, group, reads, bounds, ready, prepared, onError, engine, onLasting: endLoudly });
  const control = new KafkaControlLog({ ...common, topic: topics.control, appender: controlAppender, reads: controlReads, tail: new Link('control', topics.control, by) });
  const transitions = new KafkaTransitionLog({
    ...common,
    topic: topics.transitions,
    partitions,
    reads: transitionReads,
    tail: new Link('transitions', topics.transitions, by),
  });
  const deadLetters = new KafkaDeadLetters({ ...common, topic: topics.deadLetters });
  const history = new KafkaTransitionHistory({ reads: transitionReads, partitions, ready });
  const checkpoints = new KafkaCheckpointLog({ topic: topics.checkpoints, partitions, appender: checkpointAppender, reads: checkpointReads, ready });
  const asking = setInterval(() => {
    // The link tells what comes of it.
    if (preparation.isDone) void bounds.all().catch(() => undefined);
  }, ASK_EACH_MS);

  const end = async (): Promise<void> => {
    connectivity.close();
    clearInterval(asking);
    await Promise.all([preparation.close(), reader.close(), control.close(), transitions.close()]);
    await Promise.all([appender, controlAppender, checkpointAppender].map((each) => each.close()));
    for (const link of [reads, controlReads, transitionReads, checkpointReads]) link.close();
  };
  let ended: Promise<void> | undefined;
  return { outcomes, reader, control, transitions, deadLetters, history, checkpoints, prepare: prepared, close: () => (ended ??= end()) };
}

/** What this process would do from now on would be wrong. */
function endLoudly(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}

interface PreparationOptions {
  readonly client: ClientOptions;
  readonly connectivity: Connectivity;
  readonly topics: Topics;
  readonly partitions: number;
  readonly part: Part;
}

/** Making sure of the topics, once, for as long as it takes. */
class Preparation {
  isDone = false;
  readonly #options: PreparationOptions;
  readonly #closing = new AbortController();
  #settled: Promise<void> | undefined;

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  settled(): Promise<void> {
    this.#settled ??= this.#run();
    return this.#settled;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await within(CLOSE_TIMEOUT_MS, 'ending', this.#settled ?? Promise.resolve()).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { connectivity } = this.#options;
    for (let waitMs = RETRY_FIRST_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        await this.#attempt(signal);
        this.isDone = true;
        return connectivity.reached('topics');
      } catch (error) {
        if (error instanceof StartError) throw error;
        connectivity.failed('topics', error);
      }
      await pause(waitMs, signal);
    }
    throw new Error('the Kafka driver is closed');
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { client: options, ...wanted } = this.#options;
    const client = new Client(options);
    const end = (): void => client.destroy();
    signal.addEventListener('abort', end);
    try {
      const admin = client.kafka.admin();
      const work = admin.connect().then(() => ensureTopics(admin, { ...wanted, brokers: options.brokers.map(formatAddress).join(',') }));
      await within(PREPARE_TIMEOUT_MS, 'making sure of the topics', work);
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
  }
}

/**
 * Membership in the consumer group, and nothing else: which partitions are ours. A kafkajs consumer joins and keeps the
 * heartbeat with all of its partitions paused, so it never fetches, never runs anything of ours, and none of what can
 * stop, stall or misplace a kafkajs consumer can lose or repeat a record. Records are fetched beside it, by offsets of
 * our own (delivery.ts).
 *
 * Whatever ends the consumer, another one takes its place; only what a person must set right ends the process.
 */
import type { Consumer } from 'kafkajs';
import type { OnError } from '../drivers.ts';
import { stickyAssigner } from './assigner.ts';
import { Client, type ClientOptions } from './client.ts';
import { isLasting, typeOf, type Connectivity } from './connectivity.ts';
import { isWithoutCoordinator, type Link } from './link.ts';
import { lacking, MissingRight } from './rights.ts';
import { pause, within } from './within.ts';

/** After which without a heartbeat the others share what a member has. Brokers allow no less, unless told. */
export const SESSION_MS = 6_000;
const HEARTBEAT_EACH_MS = 500;
/** How long the group waits for its members to join again. They do at once, or are dead. */
const REBALANCE_TIMEOUT_MS = 10_000;
/** Between two looks whether a heartbeat is due: what a consumer with nothing to fetch waits. */
const TURN_MS = 100;
/** Longer than a group may take to form: a consumer that has said nothing for so long is stuck. */
const SILENT_MAX_MS = 20_000;
const WATCH_EACH_MS = 1_000;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 2_000;
/** Leaving: until a group that is being joined has been, and until it has been left. */
const JOIN_BEFORE_LEAVING_MS = 4_000;
const LEAVE_TIMEOUT_MS = 2_000;
/** One attempt of it: it is for those who watch the lag. */
const COMMIT_TIMEOUT_MS = 2_000;

export interface MembershipOptions {
  readonly client: ClientOptions;
  readonly connectivity: Connectivity;
  readonly group: string;
  /** For questions beside the group. */
  readonly reads: Link;
  readonly topic: string;
  readonly partitions: number;
  readonly owned: () => readonly number[];
  /** The newest rules that this process can fold by. */
  readonly engine: number;
  /** These are ours from now on, and no others. */
  readonly onAssigned: (partitions: readonly number[]) => void;
  readonly onError: OnError;
}

const CONNECTION = 'group';

export class Membership {
  readonly #options: MembershipOptions;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #member: Member | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  /** False while others may be about to take over: since a rebalance began, or when the session may have ended. */
  get isCertain(): boolean {
    return this.#member?.isCertain ?? false;
  }

  /** For lag tools, and for who looks what was taken before; refused if it isn't ours any more. */
  async commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    await this.#member?.commit(offsets);
  }

  /** Bounded in time, whether or not Kafka answers. */
  async leave(): Promise<void> {
    this.#stopping.abort();
    // How it ended, if not by this, has been told to the process.
    await this.#ended.catch(() => undefined);
    this.#options.connectivity.gone(CONNECTION);
  }

  async #explained(error: unknown): Promise<unknown> {
    const { group, topic, reads } = this.#options;
    if (isWithoutCoordinator(error)) {
      try {
        await reads.mayJoin(group);
      } catch (reason) {
        if (reason instanceof MissingRight) return reason;
      }
      return error;
    }
    return lacking(error, typeOf(error).startsWith('GROUP') ? `Read on group ${group}` : `Read on topic ${topic}`);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let retryMs = RETRY_FIRST_MS;
    while (!signal.aborted) {
      const member = new Member(this.#options);
      this.#member = member;
      const error = await this.#explained(await member.stay(signal));
      if (signal.aborted) return;
      // A right can be granted; the others are a matter of this program or its settings.
      if (isLasting(error) && !(error instanceof MissingRight)) throw new Error(`the consumer group ${this.#options.group} can't be joined: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      this.#options.connectivity.failed(CONNECTION, error);
      if (member.hasJoined) retryMs = RETRY_FIRST_MS;
      await pause(retryMs, signal);
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
    }
  }
}

/** One consumer, until it ends. */
class Member {
  hasJoined = false;
  readonly #options: MembershipOptions;
  readonly #client: Client;
  readonly #consumer: Consumer;
  readonly #failed = Promise.withResolvers<unknown>();
  readonly #joined = Promise.withResolvers<void>();
  #heardMs = performance.now();
  #isRebalancing = true;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#client = new Client(options.client);
    this.#consumer = this.#client.kafka.consumer({
      groupId: options.group,
      sessionTimeout: SESSION_MS,
      heartbeatInterval: HEARTBEAT_EACH_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      maxWaitTimeInMs: TURN_MS,
      allowAutoTopicCreation: false,
      partitionAssigners: [stickyAssigner(options)],
      retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 500, restartOnFailure: async () => false },
    });
    this.#listen();
  }

  get isCertain(): boolean {
    return !this.#isRebalancing && performance.now() - this.#heardMs < SESSION_MS;
  }

  /** Gives why it ended; undefined: it left. */
  async stay(signal: AbortSignal): Promise<unknown> {
    const watching = setInterval(() => this.#watch(), WATCH_EACH_MS);
    const left = Promise.withResolvers<undefined>();
    const leave = (): void => void this.#leave().then(() => left.resolve(undefined));
    signal.addEventListener('abort', leave);
    this.#start().catch((error: unknown) => this.#failed.resolve(error));
    const error = await Promise.race([this.#failed.promise.then((reason) => (signal.aborted ? left.promise : reason)), left.promise]);
    signal.removeEventListener('abort', leave);
    clearInterval(watching);
    this.#client.destroy();
    return error;
  }

  async commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    if (!this.isCertain) throw new Error('the consumer group is changing');
    const { topic } = this.#options;
    const commits = [...offsets].map(([partition, offset]) => ({ topic, partition, offset: `${offset}` }));
    await within(COMMIT_TIMEOUT_MS, 'committing offsets', this.#consumer.commitOffsets(commits));
  }

  async #start(): Promise<void> {
    const { topic } = this.#options;
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topic });
    await this.#consumer.run({
      autoCommit: false,
      eachBatch: async () => {
        throw new Error('assertion: a consumer whose partitions are paused has fetched');
      },
    });
  }

  #listen(): void {
    const { events } = this.#consumer;
    const { topic, connectivity, onAssigned, onError } = this.#options;
    const heard = (): void => {
      this.#heardMs = performance.now();
      connectivity.reached(CONNECTION);
    };
    this.#consumer.on(events.HEARTBEAT, heard);
    this.#consumer.on(events.REBALANCING, () => void (this.#isRebalancing = true));
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      // At once: whatever is awaited before lets it fetch.
      this.#consumer.pause([{ topic }]);
      heard();
      this.hasJoined = true;
      this.#isRebalancing = false;
      this.#joined.resolve();
      try {
        onAssigned(payload.memberAssignment[topic] ?? []);
      } catch (error) {
        onError(error, 'taking an assignment of partitions');
      }
    });
    this.#consumer.on(events.CRASH, ({ payload }) => this.#failed.resolve(payload.error));
  }

  #watch(): void {
    const silentMs = performance.now() - this.#heardMs;
    if (silentMs > SILENT_MAX_MS) this.#failed.resolve(new Error(`the consumer group has not been heard of for ${Math.round(silentMs / 1_000)} s`));
  }

  /** A member that goes while the group is being formed would be waited for until its session ends. */
  async #leave(): Promise<void> {
    const ended = Promise.race([this.#joined.promise, this.#failed.promise]);
    await within(JOIN_BEFORE_LEAVING_MS, 'joining', ended).catch(() => undefined);
    await within(LEAVE_TIMEOUT_MS, 'leaving', this.#consumer.disconnect()).catch(() => undefined);
  }
}

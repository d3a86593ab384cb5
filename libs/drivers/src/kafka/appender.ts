/**
 * Writes records, each once as far as Kafka can tell (idempotent producer). kafkajs makes one thing hard: it numbers the
 * records of a send before the send and takes the numbers back when that fails, so that two sends on their way could
 * end with the same numbers, and the broker would drop the second as a repeat and call it written. So there is one send
 * at a time, and a producer that failed once is never used again.
 *
 * What is asked while a send is on its way goes with the next one.
 */
import type { IHeaders, Producer, ProducerBatch, RecordMetadata } from 'kafkajs';
import { Client, type ClientOptions } from './client.ts';
import { isLasting, isOutOfReach, typeOf, type Connectivity } from './connectivity.ts';
import { lacking, type Right } from './rights.ts';
import { pause, TimedOut, within } from './within.ts';

/** A call: waiting, sending and the answer together, ms. */
const APPEND_TIMEOUT_MS = 8_000;
/** One send with the tries that kafkajs makes of it, ms. */
const SEND_TIMEOUT_MS = 6_000;
/** How long a broker may wait for its replicas, ms. */
const REPLICAS_TIMEOUT_MS = 4_000;
const CONNECT_TIMEOUT_MS = 8_000;
/** For what is on its way when its connections have been ended, ms. */
const CLOSE_TIMEOUT_MS = 1_000;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 1_000;
/** Of one send; what is more goes with the next. Brokers take batches of 1 MiB by default. */
const SEND_RECORDS_MAX = 1_000;
const SEND_BYTES_MAX = 512 * 1024;
/** Records that wait at most; beyond it a call is refused at once. */
const WAITING_RECORDS_MAX = 50_000;
/** What a record costs beside key and value, about. */
const RECORD_OVERHEAD_BYTES = 64;

export interface Draft {
  readonly topic: string;
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: IHeaders;
}

/** Where a record has come to stand. */
export interface Appended {
  readonly offset: number;
  /** ms since 1970; -1 where the topic keeps its producers' times. */
  readonly appendMs: number;
}

interface Call {
  readonly drafts: readonly Draft[];
  /** It was in a send that was refused for something in it, perhaps not in this call: it goes by itself. */
  isAlone: boolean;
  resolve(appended: readonly Appended[]): void;
  reject(error: unknown): void;
}

export interface AppenderOptions {
  readonly client: ClientOptions;
  readonly connectivity: Connectivity;
  /** Which connection it is, for `connectivity`. */
  readonly name: string;
  /** What it writes to, for the error that it may not. */
  readonly topics: readonly string[];
}

export class Appender {
  readonly #options: AppenderOptions;
  readonly #closing = new AbortController();
  /** In order. */
  #waiting = new Set<Call>();
  #waitingRecords = 0;
  #pumping: Promise<void> | undefined;
  #live: Live | undefined;

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  /** Connects now, so that the first call need not wait for it. */
  warm(): void {
    this.#pumping ??= this.#pump();
  }

  /** In order for each partition. More than one send takes is split up. */
  async append(drafts: readonly Draft[]): Promise<readonly Appended[]> {
    return (await Promise.all(chunksOf(drafts).map((chunk) => this.#call(chunk, false)))).flat();
  }

  /** All or nothing, which holds for one partition and as much as a broker takes at once. Goes with nothing else. */
  async appendTogether(drafts: readonly Draft[]): Promise<readonly Appended[]> {
    return await this.#call(drafts, true);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#live?.end();
    for (const call of this.#waiting) call.reject(new Error('the Kafka driver is closed'));
    await within(CLOSE_TIMEOUT_MS, 'ending a producer', this.#pumping ?? Promise.resolve()).catch(() => undefined);
    this.#options.connectivity.gone(this.#options.name);
  }

  async #call(drafts: readonly Draft[], isAlone: boolean): Promise<readonly Appended[]> {
    if (this.#closing.signal.aborted) throw new Error('the Kafka driver is closed');
    if (this.#waitingRecords + drafts.length > WAITING_RECORDS_MAX) throw new Error(`more than ${WAITING_RECORDS_MAX} records wait for Kafka`);
    this.#waitingRecords += drafts.length;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Appended[]>();
    const call = { drafts, isAlone, resolve, reject };
    this.#waiting.add(call);
    this.#pumping ??= this.#pump();
    try {
      return await within(APPEND_TIMEOUT_MS, `appending to ${drafts[0]?.topic}`, promise);
    } finally {
      this.#waiting.delete(call);
      this.#waitingRecords -= drafts.length;
    }
  }

  /** Also connects again by itself after a failure: nobody may ask for a while, and it must be known whether Kafka answers. */
  async #pump(): Promise<void> {
    do {
      const live = await this.#connected();
      if (live === undefined) break;
      const calls = this.#takeWaiting();
      if (calls.length > 0) await this.#send(live, calls);
    } while (this.#waiting.size > 0 || this.#live === undefined);
    this.#pumping = undefined;
  }

  #takeWaiting(): Call[] {
    const taken: Call[] = [];
    let records = 0;
    let bytes = 0;
    for (const call of this.#waiting) {
      records += call.drafts.length;
      bytes += bytesOf(call.drafts);
      const isFull = records > SEND_RECORDS_MAX || bytes > SEND_BYTES_MAX || call.isAlone || taken[0]?.isAlone === true;
      if (taken.length > 0 && isFull) break;
      taken.push(call);
      this.#waiting.delete(call);
    }
    return taken;
  }

  async #send(live: Live, calls: readonly Call[]): Promise<void> {
    const { connectivity, name } = this.#options;
    try {
      const answers = await within(SEND_TIMEOUT_MS, 'sending to Kafka', live.send(calls.flatMap(({ drafts }) => drafts)));
      connectivity.reached(name);
      for (const call of calls) call.resolve(answers.splice(0, call.drafts.length));
    } catch (caught) {
      const error = lacking(caught, this.#writing(calls));
      this.#retire(live);
      if (isOutOfReach(error) || isLasting(error)) connectivity.failed(name, error);
      const mayBeOfOne = calls.length > 1 && (typeOf(error) === 'MESSAGE_TOO_LARGE' || !isOutOfReach(error));
      if (mayBeOfOne) this.#waiting = new Set([...calls.map((call) => Object.assign(call, { isAlone: true })), ...this.#waiting]);
      else for (const call of calls) call.reject(error);
    }
  }

  #writing(calls: readonly Call[]): Right {
    const topics = new Set(calls.flatMap(({ drafts }) => drafts.map(({ topic }) => topic)));
    return `Write on topic ${[...(topics.size === 0 ? this.#options.topics : topics)].join(' or ')}`;
  }

  #retire(live: Live): void {
    live.end();
    if (this.#live === live) this.#live = undefined;
  }

  /** Undefined: closed meanwhile. */
  async #connected(): Promise<Live | undefined> {
    if (this.#live?.isReady === true) return this.#live;
    const { signal } = this.#closing;
    const { client, connectivity, name } = this.#options;
    for (let waitMs = RECONNECT_FIRST_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, RECONNECT_MAX_MS)) {
      const live = (this.#live ??= new Live(client));
      try {
        await within(CONNECT_TIMEOUT_MS, 'connecting a producer', live.ready);
        connectivity.reached(name);
        return live;
      } catch (error) {
        this.#retire(live);
        // Numbering records is allowed to whoever may write to any topic.
        if (!signal.aborted) connectivity.failed(name, lacking(error, this.#writing([...this.#waiting])));
      }
      await pause(waitMs, signal);
    }
    return undefined;
  }
}

/** A producer for as long as it has not failed. */
class Live {
  readonly ready: Promise<void>;
  isReady = false;
  readonly #client: Client;
  readonly #producer: Producer;

  constructor(options: ClientOptions) {
    this.#client = new Client(options);
    this.#producer = this.#client.kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      // Partitions are given; this also keeps kafkajs from warning of its default.
      createPartitioner: () => ({ message }) => message.partition as number,
      retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 500 },
    });
    this.ready = this.#producer.connect().then(() => void (this.isReady = true));
    // Whoever uses it hears of it.
    this.ready.catch(() => {});
  }

  end(): void {
    this.#client.destroy();
  }

  /** Answers in the order of the drafts. */
  async send(drafts: readonly Draft[]): Promise<Appended[]> {
    const byTopic = Map.groupBy(drafts, ({ topic }) => topic);
    const topicMessages: NonNullable<ProducerBatch['topicMessages']> = [...byTopic].map(([topic, of]) => ({
      topic,
      messages: of.map(({ partition, key, value, headers }) => ({ partition, key, value, ...(headers === undefined ? {} : { headers }) })),
    }));
    const answers = await this.#producer.sendBatch({ topicMessages, acks: -1, timeout: REPLICAS_TIMEOUT_MS });
    return placesOf(drafts, answers);
  }
}

/**
 * Records of one partition stand one behind the other, in the order in which they were given. An answer can be missing:
 * when a partition moves during a send to a broker that has answered for its others, kafkajs leaves it out and says nothing.
 */
function placesOf(drafts: readonly Draft[], answers: readonly RecordMetadata[]): Appended[] {
  const placeOf = (topic: string, partition: number): string => `${topic} ${partition}`;
  const next = new Map(answers.map((answer) => [placeOf(answer.topicName, answer.partition), { offset: Number(answer.baseOffset), appendMs: Number(answer.logAppendTime ?? -1) }]));
  return drafts.map(({ topic, partition }) => {
    const place = next.get(placeOf(topic, partition));
    if (place === undefined) throw new TimedOut(`no answer said where a record of ${topic} ${partition} stands`);
    return { offset: place.offset++, appendMs: place.appendMs };
  });
}

function bytesOf(drafts: readonly Draft[]): number {
  return drafts.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0) + RECORD_OVERHEAD_BYTES, 0);
}

function chunksOf(drafts: readonly Draft[]): Draft[][] {
  const chunks: Draft[][] = [];
  let room = 0;
  for (const draft of drafts) {
    const bytes = bytesOf([draft]);
    const last = chunks.at(-1);
    if (last !== undefined && bytes <= room && last.length < SEND_RECORDS_MAX) last.push(draft);
    else {
      chunks.push([draft]);
      room = SEND_BYTES_MAX;
    }
    room -= bytes;
  }
  return chunks;
}

/**
 * Follows one console after another for as long as this process lives. A console is left when its stream ends, when it
 * has been silent, and, if there are others, when what it hands on has become old: it may be cut off from the store alone.
 * The next one is taken at once; after each was tried in vain, there is a pause.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientReadableStream, ClientWritableStream } from '@grpc/grpc-js';
import type { StoreTime } from '#engine';
import { formatAddress, type Address } from '#runtime/reach';
import { timeOfMessage, type FollowMessage } from '#wire';
import type { Reach } from '../drivers.ts';
import { FollowFailure, failureOf } from './follow-failure.ts';
import type { ConsoleCredentials } from './console-service.ts';
import { StateClient, type BeatMessage } from './state-client.ts';

/** A console says something each second. */
const LOOK_EACH_MS = 1_000;
/** Looks in a row without a word; not a time, since a process that stood still has missed nothing but its own looks. */
const SILENT_LOOKS_MAX = 3;
/** Before the first one, which those wait for who come with a thousand others. */
const FIRST_LOOKS_MAX = 10;
/** Looks in a row at states older than this, where another console may have newer ones. */
const OLD_MS = 3_000;
const OLD_LOOKS_MAX = 3;
/** T2. */
const STORE_TIME_EACH_LOOKS = 10;
const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 2_000;

export interface Heard {
  /** There is no console, or another one: it will tell all. */
  forget(): void;
  /** @throws {FollowFailure} it can't be followed */
  take(message: FollowMessage, from: { readonly address: string; readonly storeTime: StoreTime | undefined }): void;
  /** How old the oldest partition's states are, ms; Infinity: one has not come. */
  readonly oldestMs: number;
}

export interface ConsoleLinkOptions {
  /** At least one. */
  readonly consoles: readonly Address[];
  /** Asked for each connection; must not throw. */
  readonly credentials: () => ConsoleCredentials;
  readonly heard: Heard;
  readonly reach: Reach;
  /** This one is followed now. */
  readonly onFollowing: (address: string) => void;
  /** Never comes to an end by itself, and need not be heard of elsewhere. */
  readonly onFailure: (failure: FollowFailure) => void;
  /** How long one console is followed where there are others, so that those that come back get their share, ms. */
  readonly stayMs: number;
}

export class ConsoleLink {
  readonly #options: ConsoleLinkOptions;
  readonly #closed = new AbortController();
  #running: Promise<void> | undefined;
  #following: Following | undefined;

  constructor(options: ConsoleLinkOptions) {
    this.#options = options;
  }

  /** Begins, the first time. */
  wake(): void {
    if (!this.#closed.signal.aborted) this.#running ??= this.#run();
  }

  /** @throws Error it can't be said: there is no console, or it takes none */
  beat(message: BeatMessage): void {
    if (this.#following === undefined) throw new Error('no console is followed');
    this.#following.beat(message);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { consoles, heard } = this.#options;
    const { signal } = this.#closed;
    let place = Math.floor(Math.random() * consoles.length);
    for (let inVain = 0; !signal.aborted; ) {
      const address = formatAddress(consoles[place % consoles.length] as Address);
      this.#following = new Following(address, this.#options);
      const end = await this.#following.run(signal);
      this.#following = undefined;
      heard.forget();
      if (signal.aborted) return;
      if (end.failure !== undefined) this.#failed(end.failure);
      inVain = end.wasOfUse ? 0 : inVain + 1;
      place += end.failure === undefined ? Math.floor(Math.random() * consoles.length) : 1;
      await pauseAfter(inVain, consoles.length, signal);
    }
  }

  #failed(failure: FollowFailure): void {
    this.#options.reach.failed(failure);
    this.#options.onFailure(failure);
  }
}

/** A whole round in vain makes the pause longer; a short one comes always, so that those who lost a console come one by one. */
async function pauseAfter(inVain: number, consoles: number, signal: AbortSignal): Promise<void> {
  const rounds = Math.floor(inVain / consoles);
  const isRoundOver = inVain > 0 && inVain % consoles === 0;
  const ms = isRoundOver ? Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** Math.min(rounds, 10)) : PAUSE_FIRST_MS;
  await sleep(ms * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
}

interface FollowingEnd {
  /** It told all, and what it told was not old. */
  readonly wasOfUse: boolean;
  /** Undefined: it was left for no fault of its own. */
  readonly failure: FollowFailure | undefined;
}

/** One console, from the connection to its end. */
class Following {
  readonly #address: string;
  readonly #options: ConsoleLinkOptions;
  readonly #client: StateClient;
  readonly #ended = Promise.withResolvers<FollowFailure | undefined>();
  #stream: ClientReadableStream<FollowMessage> | undefined;
  #beats: ClientWritableStream<BeatMessage> | undefined;
  /** Why it takes none: an older one doesn't know them. */
  #beatsFailure: Error | undefined;
  #storeTime: StoreTime | undefined;
  #isOver = false;
  #isHeard = false;
  #wasOfUse = false;
  #looks = 0;
  #silentLooks = 0;
  #oldLooks = 0;

  constructor(address: string, options: ConsoleLinkOptions) {
    this.#address = address;
    this.#options = options;
    this.#client = new StateClient(address, options.credentials());
  }

  async run(signal: AbortSignal): Promise<FollowingEnd> {
    const leave = (): void => this.#ended.resolve(undefined);
    const looking = setInterval(() => this.#look(), LOOK_EACH_MS);
    const stayed = this.#isAlone ? undefined : setTimeout(leave, this.#options.stayMs * (0.5 + Math.random())).unref();
    signal.addEventListener('abort', leave);
    void this.#begin();
    const failure = await this.#ended.promise;
    this.#isOver = true;
    signal.removeEventListener('abort', leave);
    clearTimeout(stayed);
    clearInterval(looking);
    this.#stream?.removeAllListeners('data').cancel();
    this.#beats?.end();
    this.#client.close();
    return { wasOfUse: this.#wasOfUse, failure };
  }

  /** What can't be sent now is left out: a newer one follows. */
  beat(message: BeatMessage): void {
    if (this.#beatsFailure !== undefined) throw this.#beatsFailure;
    if (!this.#isHeard) throw new Error(`the console at ${this.#address} has not said anything yet`);
    this.#beats ??= this.#client.beats((error) => {
      this.#beatsFailure = new Error(`the console at ${this.#address} takes no heartbeats: ${error?.details ?? 'it ended them'}`);
    });
    if (!this.#beats.writableNeedDrain) this.#beats.write(message);
  }

  get #isAlone(): boolean {
    return this.#options.consoles.length === 1;
  }

  /** The store's time comes first, so that the first states are seen by the right clock (T2). */
  async #begin(): Promise<void> {
    try {
      await this.#askStoreTime();
    } catch (error) {
      return this.#fail(failureOf(error, this.#address));
    }
    if (this.#isOver) return;
    const stream = this.#client.follow();
    this.#stream = stream;
    stream.on('data', (message: FollowMessage) => this.#take(message));
    stream.on('error', (error: Error) => this.#fail(failureOf(error, this.#address)));
    stream.on('end', () => this.#fail(new FollowFailure(`the console at ${this.#address} ended the stream`)));
  }

  #take(message: FollowMessage): void {
    const { heard, reach, onFollowing } = this.#options;
    this.#silentLooks = 0;
    this.#isHeard = true;
    try {
      heard.take(message, { address: this.#address, storeTime: this.#storeTime });
    } catch (error) {
      return this.#fail(failureOf(error, this.#address));
    }
    if (message.partitions?.some(({ more }) => !more)) this.#storeTime = undefined;
    if (message.fleet) onFollowing(this.#address);
    reach.reached();
    if (heard.oldestMs <= OLD_MS) this.#wasOfUse = true;
  }

  #look(): void {
    const looksMax = this.#isHeard ? SILENT_LOOKS_MAX : FIRST_LOOKS_MAX;
    if (++this.#silentLooks > looksMax) return this.#fail(new FollowFailure(`the console at ${this.#address} has been silent for ${looksMax} s`));
    this.#oldLooks = this.#options.heard.oldestMs > OLD_MS ? this.#oldLooks + 1 : 0;
    if (!this.#isAlone && this.#oldLooks > OLD_LOOKS_MAX) return this.#fail(new FollowFailure(`what the console at ${this.#address} hands on is old`));
    // One that fails is asked again; the stream says whether the console is there.
    if (++this.#looks % STORE_TIME_EACH_LOOKS === 0) void this.#askStoreTime().catch(() => undefined);
  }

  /** Absent where the store has not told the console, or has no clock of its own. */
  async #askStoreTime(): Promise<void> {
    const askedMs = performance.now();
    const answer = await this.#client.storeTime();
    const toldMonotonicMs = performance.now();
    if (!answer.known) return;
    const [earliestMs, latestMs] = [timeOfMessage(answer.known.earliest), timeOfMessage(answer.known.latest)];
    this.#storeTime = { atMs: earliestMs, askedMonotonicMs: askedMs - (latestMs - earliestMs), toldMonotonicMs };
  }

  #fail(failure: FollowFailure): void {
    this.#ended.resolve(failure);
  }
}

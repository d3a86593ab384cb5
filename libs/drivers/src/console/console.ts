/** States and documents from a console, in place of Redis. This folder is the only one here that knows gRPC. */
import type { DocumentFeed, PresenceTeller, StateFeed } from '#engine';
import { StartError, type Address } from '#runtime/reach';
import type { OnError, Reach } from '../drivers.ts';
import { ConsoleLink } from './console-link.ts';
import { ConsoleDocumentFeed } from './document-feed.ts';
import { ConsolePresence } from './presence.ts';
import { FollowFailure } from './follow-failure.ts';
import type { ConsoleCredentials } from './console-service.ts';
import { ConsoleStateFeed } from './state-feed.ts';

const STAY_MS = 600_000;

export interface ConsoleOptions {
  /** At least one; which of them is followed is left to chance, so that many processes spread. */
  readonly consoles: readonly Address[];
  /** Asked for each connection; must not throw. */
  readonly credentials: () => ConsoleCredentials;
  /** Of the outcomes log. */
  readonly partitions: number;
  readonly topicPrefix: string;
  readonly reach: Reach;
  /** This console is followed now. */
  readonly onFollowing?: (address: string) => void;
  /** What went wrong in the background and is tried again, other than the console being out of reach. */
  readonly onError: OnError;
  /** How long one is followed where there are others, ms; default 600,000, half of it more or less. */
  readonly stayMs?: number;
}

export interface OpenConsole {
  /** `follow` of both feeds stays pending for as long as no console answers, and rejects at `close`. */
  readonly stateFeed: StateFeed;
  readonly documentFeed: DocumentFeed;
  /** Said to the console that is followed. */
  readonly presence: PresenceTeller;
  /**
   * Settles when a console of this fleet was heard.
   * @throws {StartError} it is another fleet's, or refuses us
   */
  prepare(): Promise<void>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

/** Connects when it is first needed. Says nothing but to `reach`, `onFollowing` and `onError`. */
export function openConsole(options: ConsoleOptions): OpenConsole {
  const { consoles, credentials, partitions, topicPrefix, reach, onFollowing = () => {}, onError, stayMs = STAY_MS } = options;
  const prepared = Promise.withResolvers<void>();
  prepared.promise.catch(() => undefined);
  const wake = (): void => link.wake();
  const stateFeed = new ConsoleStateFeed({ partitions, wake, onError });
  const documentFeed = new ConsoleDocumentFeed(wake, onError);
  const link = new ConsoleLink({
    consoles,
    credentials,
    reach,
    stayMs,
    onFollowing: (address) => (prepared.resolve(), onFollowing(address)),
    onFailure: ({ message, variable }) => {
      if (variable !== undefined) prepared.reject(new StartError(`${variable}: ${message}`));
    },
    heard: {
      get oldestMs() {
        return stateFeed.oldestMs;
      },
      forget: () => (stateFeed.forget(), documentFeed.forget()),
      take: ({ fleet, partitions: states = [], documents }, { address, storeTime }) => {
        if (fleet) checkFleet(fleet, { partitions, topicPrefix }, address);
        for (const state of states) stateFeed.take(state, storeTime);
        if (documents) attempt(() => documentFeed.take(documents), (error) => onError(error, 'reading the documents in force'));
      },
    },
  });
  let closing: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    stateFeed.close();
    documentFeed.close();
    prepared.reject(new Error('the drivers were closed'));
    await link.close();
  };
  return { stateFeed, documentFeed, presence: new ConsolePresence(link), prepare: () => (wake(), prepared.promise), close: () => (closing ??= end()) };
}

interface FleetIdentity {
  readonly partitions: number;
  readonly topicPrefix: string;
}

function checkFleet(found: { readonly partitions: number; readonly topic_prefix: string }, wanted: FleetIdentity, address: string): void {
  if (found.topic_prefix !== wanted.topicPrefix) {
    throw new FollowFailure(`found "${wanted.topicPrefix}", and the console at ${address} is of the fleet whose topics begin with "${found.topic_prefix}"`, 'FUSEBOARD_TOPIC_PREFIX');
  }
  if (found.partitions !== wanted.partitions) {
    throw new FollowFailure(`found ${wanted.partitions}, and the fleet of the console at ${address} has ${found.partitions}`, 'FUSEBOARD_PARTITIONS');
  }
}

function attempt(action: () => void, failed: (error: unknown) => void): void {
  try {
    action();
  } catch (error) {
    failed(error);
  }
}

/**
 * One set of drivers: every port of the engine, made real by the same kind of store. Who opens a set closes it, last
 * of all; whoever is handed one only uses it.
 */
import type {
  CheckpointLog,
  ControlLog,
  ControlView,
  DeadLetters,
  DocumentFeed,
  OutcomeLog,
  OutcomeReader,
  Presence,
  PresenceTeller,
  StateFeed,
  StateReader,
  StateStore,
  Stop,
  TransitionHistory,
  TransitionLog,
} from '#engine';

export interface Drivers {
  /**
   * Makes sure of what is behind the ports: topics and their settings (L1), the store's (K5). Tries for as long as
   * they are out of reach. To be settled before a process says that it is ready; no port waits for it longer than a
   * call may take.
   * @throws {StartError} one of them is not as it must be
   */
  prepare(): Promise<void>;
  /** How many partitions the outcomes log has (L2); embedded: 1. */
  readonly partitions: number;
  readonly outcomes: OutcomeLog;
  readonly reader: OutcomeReader;
  readonly control: ControlLog;
  readonly states: StateStore;
  readonly stateFeed: StateFeed;
  readonly documentFeed: DocumentFeed;
  readonly transitions: TransitionLog;
  readonly deadLetters: DeadLetters;
  readonly kept: StateReader;
  readonly history: TransitionHistory;
  readonly checkpoints: CheckpointLog;
  readonly presence: Presence;
  /**
   * Keeps the documents in force where `documentFeed` has them from (V2), from the control log on, until stopped.
   * @param control what the process has read of it; absent: it is read for this alone
   */
  publishDocuments(control?: ControlView): Promise<Stop>;
}

/** The part of the drivers that a proxy needs, and their end. */
export interface ProxyDrivers extends Pick<Drivers, 'prepare' | 'partitions' | 'outcomes' | 'stateFeed' | 'documentFeed'> {
  readonly presence: PresenceTeller;
  /** Ends what runs, within a few seconds, reachable or not. Safe to call twice. */
  close(): Promise<void>;
}

/** Injection token of `Drivers`. */
export const DRIVERS = Symbol('Drivers');

/** Hears whether what a driver needs answers; told as often as one likes. */
export interface Reach {
  failed(error: unknown): void;
  reached(): void;
}

/** What went wrong in the background, and what was being done; it will be tried again. */
export type OnError = (error: unknown, doing: string) => void;

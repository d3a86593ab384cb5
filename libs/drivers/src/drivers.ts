/**
 * One set of drivers: every port of the engine, made real by the same kind of store. Who opens a set closes it, last
 * of all; whoever is handed one only uses it.
 */
import type {
  ControlLog,
  DeadLetters,
  DocumentFeed,
  OutcomeLog,
  OutcomeReader,
  StateFeed,
  StateStore,
  TransitionLog,
} from '#engine';

export interface Drivers {
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
}

/** Injection token of `Drivers`. */
export const DRIVERS = Symbol('Drivers');

/** What went wrong in the background, and what was being done; it will be tried again. */
export type OnError = (error: unknown, doing: string) => void;

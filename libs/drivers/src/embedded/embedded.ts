/**
 * The embedded drivers: one process, one SQLite file, everything durable (L1 with tables for topics). Built on a
 * database that answers synchronously, so whatever happens between two awaits happens at one moment for everybody.
 */
import type { Drivers, OnError } from '../drivers.ts';
import { CheckpointTable } from './checkpoint-table.ts';
import { ControlTable } from './control-table.ts';
import { openDataDirectory } from './data-directory.ts';
import { Database } from './database.ts';
import { DeadLetterTable } from './dead-letter-table.ts';
import { EmbeddedDocumentFeed } from './document-feed.ts';
import { EmbeddedReader } from './outcome-reader.ts';
import { OutcomeTable } from './outcome-table.ts';
import { PARTITIONS } from './partition.ts';
import { DEFAULT_RETENTION, Sweeper, type Retention } from './retention.ts';
import { EmbeddedPresence } from './presence.ts';
import { EmbeddedStateFeed } from './state-feed.ts';
import { StateTable } from './state-table.ts';
import { EmbeddedTransitionHistory } from './transition-history.ts';
import { TransitionTable } from './transition-table.ts';

/** V3: each second, unless told otherwise. */
const FRESHNESS_MS = 1_000;

export interface EmbeddedOptions {
  /** A directory, made if need be; `:memory:` keeps nothing. */
  readonly dataDir: string;
  /** The log's clock (T1), ms since 1970; default `Date.now`. */
  readonly now?: () => number;
  /** What went wrong in the background and is tried again; default: a process warning. */
  readonly onError?: OnError;
  /** How often followers of states hear that nothing has changed, ms, > 0; default 1,000. */
  readonly freshnessMs?: number;
  /** Where it differs from the default. */
  readonly retention?: Partial<Retention>;
}

export interface Embedded extends Drivers {
  readonly deadLetters: DeadLetterTable;
  /** As a producer of any kind would, readable or not. Gives the append time. */
  appendRaw(key: Uint8Array | null, value: Uint8Array | null): Promise<number>;
  /** Deletes what is older than its retention now; also happens each minute by itself. */
  applyRetention(): Promise<void>;
  /** Ends what runs, then lets the data directory go. Nothing is lost without it. Safe to call twice. */
  close(): Promise<void>;
}

/** @throws {DataDirectoryError} the directory can't be written, is held, or is of another version */
export function openEmbedded(options: EmbeddedOptions): Embedded {
  const { dataDir, now = Date.now, onError = warn, freshnessMs = FRESHNESS_MS } = options;
  const directory = openDataDirectory(dataDir);
  const database = new Database(directory.sqlite);
  const outcomes = new OutcomeTable(database, now);
  const reader = new EmbeddedReader(outcomes, onError);
  const control = new ControlTable(database, { now, onError });
  const states = new StateTable(database, onError);
  const stateFeed = new EmbeddedStateFeed(states, { freshnessMs, onError });
  const documentFeed = new EmbeddedDocumentFeed(control, onError);
  const transitions = new TransitionTable(database, { now, onError });
  const deadLetters = new DeadLetterTable(database, now);
  const sweeper = new Sweeper(database, { retention: { ...DEFAULT_RETENTION, ...options.retention }, now, onError });
  const end = async (): Promise<void> => {
    sweeper.close();
    await reader.close();
    await stateFeed.close();
    for (const told of [control, states, documentFeed, transitions]) told.close();
    directory.release();
  };
  let ended: Promise<void> | undefined;
  return {
    partitions: PARTITIONS,
    outcomes,
    reader,
    control,
    states,
    stateFeed,
    documentFeed,
    transitions,
    deadLetters,
    kept: states,
    history: new EmbeddedTransitionHistory(database),
    checkpoints: new CheckpointTable(database, now),
    presence: new EmbeddedPresence(() => performance.now()),
    // The file is made when it is opened, and the feed of documents reads the control log itself.
    prepare: async () => {},
    publishDocuments: async () => async () => {},
    appendRaw: (key, value) => outcomes.appendRaw(key, value),
    applyRetention: () => sweeper.sweep(),
    close: () => (ended ??= end()),
  };
}

function warn(error: unknown, doing: string): void {
  process.emitWarning(error instanceof Error ? error : String(error), { detail: `while ${doing}` });
}

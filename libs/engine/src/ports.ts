/**
 * What the engine needs from outside, in its own words. Drivers make these real (libs/drivers); the contract suite
 * (test/contract) states what each promises, and every driver passes it.
 *
 * All of them may reject with any error while the store or log is out of reach; callers retry. "Could not read" is
 * always a rejection, never an empty answer.
 */
import type { AlikeSettings, TextColumn } from './alike-settings.ts';
import type { ControlChange, ControlRecord, Document } from './control.ts';
import type { FoldStart } from './fold.ts';
import type { LogRecord, Mark, Misrouted, Outcome } from './outcome.ts';
import type { RememberedId } from './repeats.ts';
import type { Snapshot } from './snapshot.ts';
import type { Transition } from './transition.ts';

/** Ends a subscription; settles once nothing more will be delivered. Safe to call twice. */
export type Stop = () => Promise<void>;

/** Where reporters write outcomes, and owners marks. */
export interface OutcomeLog {
  /** Appends durably, in order for each upstream. Gives each record's append time (T2 corrects clocks by it). */
  append(outcomes: readonly Outcome[]): Promise<readonly number[]>;
  appendMark(partition: number, mark: Mark): Promise<void>;
  /** Durably, each to the partition of its upstream, with a header that says so (L2). */
  sendOn(records: readonly MisplacedRecord[]): Promise<void>;
}

/** A misrouted outcome and where it was found; without an id of its own it gets `PARTITION@OFFSET`. */
export interface MisplacedRecord extends Omit<Misrouted, 'kind' | 'isSentOn'> {
  readonly partition: number;
  readonly offset: number;
}

/**
 * Who folds a partition. Calls never overlap for one partition. What is refused is asked again, but for a `Defect`: that
 * ends the delivery, as a rejection that nobody handles.
 */
export interface PartitionHandler {
  /** The partition is ours from now on. Gives the offset to read from. */
  assigned(partition: number): Promise<number>;
  /** Records in offset order, each once from the offset that `assigned` gave. Settling asks for the next batch. */
  take(partition: number, records: readonly LogRecord[]): Promise<void>;
  revoked(partition: number): Promise<void>;
}

/** Delivers partitions to whoever owns them. */
export interface OutcomeReader {
  run(handler: PartitionHandler): Promise<Stop>;
  bounds(partition: number): Promise<LogBounds>;
  /** The records from `from` on as `take` would deliver them, at most `max`; from the log's first where `from` was cut off. */
  read(partition: number, from: number, max: number): Promise<readonly LogRecord[]>;
}

export interface LogBounds {
  /** Offset of the first record that is there. */
  readonly first: number;
  /** Offset of the record that will be appended next. */
  readonly next: number;
  /** V1: fingerprint of the log's very first record; `''`: there is none yet; undefined: it is gone, which only an old log's is. */
  readonly identity: string | undefined;
  /** L2: records below this were taken before by an owner of this reader's group, so they were sent on; 0: not known. */
  readonly passed: number;
}

/** Documents, overrides and incarnations, in one order for everybody (C1). */
export interface ControlLog {
  /** Appends durably, all or nothing, and gives the last record's offset. */
  append(entries: readonly ControlDraft[]): Promise<number>;
  /** Every record from `from` on, in order. */
  read(from: number): Promise<readonly ControlRecord[]>;
  /** Calls back after each append, whoever made it, with nothing but the news that there is some. */
  onNews(listener: () => void): Promise<Stop>;
}

export type ControlDraft = Pick<ControlRecord, 'author' | 'reason' | 'source'> & { readonly change: ControlChange };

/** What is kept of a partition beside its snapshots. */
export interface PartitionMeta {
  /** V1. */
  readonly incarnation: number;
  /** Offset of the first record not folded. */
  readonly next: number;
  /** The fold clock (T1), ms. */
  readonly clockMs: number;
  /** Last control offset in force; -1: none. */
  readonly control: number;
  /** Grows with each write (K1, V3). */
  readonly sequence: number;
  /** K1: the store was found empty and is not to be trusted until `next` reaches this. Absent: trusted. */
  readonly restoringTo?: number;
  /** V1: identity of the log that this is the state of. Absent: not known. */
  readonly log?: string;
  /** Which rules the fold follows at `next` (engine-version.ts). Absent: the first. */
  readonly engine?: number;
}

/** Everything a partition's owner starts from. */
export interface Claim {
  /** One counter for each consumer group (K1); only saves work. */
  readonly epoch: number;
  /** Absent: the store has nothing of this partition. */
  readonly meta?: PartitionMeta;
  readonly snapshots: readonly Snapshot[];
  readonly ids: readonly RememberedId[];
  /** Committed, and not known to be published. */
  readonly outbox: readonly OutboxEntry[];
  /** Why `snapshots` or `ids` can't be read, in words; both are empty then. Absent: they are what was committed. */
  readonly unreadable?: string;
}

/** A transition on its way to the transitions log; `offset` is the record that made it. */
export interface OutboxEntry {
  readonly offset: number;
  readonly transition: Transition;
}

/** K1, all or nothing. */
export interface Commit {
  readonly partition: number;
  readonly group: string;
  readonly epoch: number;
  readonly incarnation: number;
  /** Unique to this commit; the same when it is sent again. */
  readonly commitId: string;
  /** The store's `next` as this owner believes it; null: the store has nothing of this partition and incarnation. */
  readonly expected: number | null;
  readonly next: number;
  readonly clockMs: number;
  readonly control: number;
  /** Those that changed since the last commit; of a rewrite (K2) all. */
  readonly snapshots: readonly Snapshot[];
  readonly outbox: readonly OutboxEntry[];
  /** Of the records in [expected, next); of a rewrite all that are remembered. */
  readonly ids: readonly RememberedId[];
  /** K2 REGRESSED, or a higher incarnation (V1): `snapshots` and `ids` replace all that is there. */
  readonly rewrite?: boolean;
  /** K1, first commit to an empty store. */
  readonly restoringTo?: number;
  /** As in `PartitionMeta`. */
  readonly log?: string;
  readonly engine?: number;
}

/** K2. `next` is the store's. */
export type CommitAnswer =
  | { readonly kind: 'OK' | 'ALREADY' }
  | { readonly kind: 'FENCED' }
  | { readonly kind: 'AHEAD'; readonly next: number }
  /** `next` absent: the store has lost the partition's meta. */
  | { readonly kind: 'REGRESSED'; readonly next?: number };

/** Snapshots, meta, ids and outbox of each partition. Nothing in it ever expires (K5). */
export interface StateStore {
  /** @throws {GivesWay} it was written by a newer Fuseboard, in a way that can't be read here */
  claim(partition: number, group: string): Promise<Claim>;
  commit(commit: Commit): Promise<CommitAnswer>;
  /** Drops these outbox entries; those not there are passed over. */
  published(partition: number, entries: readonly OutboxEntry[]): Promise<void>;
}

/** All that a store has of a partition, and nobody's epoch. */
export type Kept = Omit<Claim, 'epoch'>;

/** For those who only look. */
export interface StateReader {
  /** As of one moment. Counts no epoch, so no owner is disturbed (K1). */
  read(partition: number): Promise<Kept>;
}

/** Where a fold stood at `next`, whole: a function of the log, like everything else (V1). */
export interface Checkpoint extends FoldStart {
  /** V1: of which log. */
  readonly identity: string;
}

/** Checkpoints now and then, for those who fold a log whose beginning is gone. No input to an owner. */
export interface CheckpointLog {
  /** All of it, or nothing that `find` would give. */
  append(checkpoint: Checkpoint): Promise<void>;
  /** The one that `fits` with the lowest `next`, or with the highest. */
  find(partition: number, query: CheckpointQuery): Promise<Checkpoint | undefined>;
}

export type CheckpointHead = Pick<Checkpoint, 'partition' | 'incarnation' | 'identity' | 'next' | 'clockMs' | 'control'>;

export interface CheckpointQuery {
  readonly which: 'oldest' | 'newest';
  readonly fits: (head: CheckpointHead) => boolean;
}

/** What a proxy hears of a partition: at first all, then what is new, and each second that it is still so (V3). */
export interface StateUpdate {
  readonly partition: number;
  /** Absent: the store knows nothing, so the state is unknown, not closed (V4). */
  readonly meta?: PartitionMeta;
  /** Possibly none, possibly some that are known already. One that differs in counts alone may be left out. */
  readonly snapshots: readonly Snapshot[];
  /** More of them, for who follows with `quietApart`. */
  readonly quiet?: QuietStates;
  /** When the store said so, where it said it to somebody else who passes it on (V4): by `performance.now()`; default: now. */
  readonly heardMonotonicMs?: number;
  /** T2: what the store's clock said, between two moments of ours; for who sends nothing to the log. */
  readonly storeTime?: StoreTime;
}

export interface StoreTime {
  /** ms since 1970. */
  readonly atMs: number;
  /** By a clock of this process that is never set, `performance.now()`: before it was asked, after it was told. */
  readonly askedMonotonicMs: number;
  readonly toldMonotonicMs: number;
}

/** Snapshots that are closed and have no end, as columns: most are, and most are asked for by nobody. To be read at once. */
export interface QuietStates extends Readonly<Record<'incarnations' | 'generations' | 'nexts', Float64Array>> {
  readonly size: number;
  readonly upstreams: TextColumn;
  /** 1 where outcomes can trip it (`canTrip`), else 0. */
  readonly canTrip: Uint8Array;
}

export interface StateFeed {
  /** Settles when every partition has been delivered once. */
  follow(listener: (update: StateUpdate) => void, options?: FollowOptions): Promise<Stop>;
}

export interface FollowOptions {
  /** Only meta is asked for, and a driver may leave the snapshots out; default: false. */
  readonly withoutSnapshots?: boolean;
  /** A driver may give some snapshots as `quiet`; default: false. */
  readonly quietApart?: boolean;
}

/** The documents in force, whole each time they change (V2). */
export interface DocumentFeed {
  follow(listener: (documents: DocumentSet) => void, options?: DocumentFollowOptions): Promise<Stop>;
}

export interface DocumentFollowOptions {
  /** What the documents mean is all that is asked for: a driver may leave `body` out, and tell some as `alike`; default: false. */
  readonly withoutBodies?: boolean;
}

export interface DocumentSet {
  /** Which control log: offsets are compared within one only. Absent: there is never another. */
  readonly identity?: string;
  /** Control offset up to which these are so; -1: none. */
  readonly control: number;
  readonly documents: readonly Document[];
  /** Beside `documents`, those that are alike; only for who asks for no bodies. Absent: none. */
  readonly alike?: readonly AlikeSettings[];
}

/** History for people and programs; no input to anything. */
export interface TransitionLog {
  append(transitions: readonly Transition[]): Promise<void>;
  /** Newest first, repeats dropped by identity (G1). `upstream` absent: of all. */
  list(query: TransitionQuery): Promise<TransitionPage>;
  /** Calls back with each transition from now on, possibly more than once. */
  follow(listener: (transition: Transition) => void): Promise<Stop>;
}

export interface TransitionQuery {
  readonly upstream?: string;
  /** 1 to 1,000. */
  readonly limit: number;
  /** As the last page gave it. */
  readonly pageToken?: string;
}

export interface TransitionPage {
  readonly transitions: readonly Transition[];
  readonly nextPageToken?: string;
}

/** The transitions log as it lies there, repeats included; in as many partitions as the outcomes. */
export interface TransitionHistory {
  bounds(partition: number): Promise<Pick<LogBounds, 'first' | 'next'>>;
  /** From `from` on, about `max` of them. */
  read(partition: number, from: number, max: number): Promise<HistoryPage>;
}

export interface HistoryPage {
  readonly records: readonly ToldTransition[];
  /** Where to go on. As it was asked: there is nothing more. */
  readonly next: number;
}

export interface ToldTransition {
  readonly offset: number;
  readonly appendMs: number;
  /** Absent: what stands there is no transition. */
  readonly transition?: Transition;
}

/** What could not be read, byte for byte, with where it was found and why. */
export interface DeadLetters {
  append(letters: readonly DeadLetter[]): Promise<void>;
}

export interface DeadLetter {
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

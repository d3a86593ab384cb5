/**
 * The fold of one partition (docs/model.md): records in, transitions and snapshots out.
 */
import type { ControlRecord } from './control.ts';
import type { LogRecord } from './outcome.ts';
import type { OutboxEntry } from './ports.ts';
import type { RememberedId } from './repeats.ts';
import type { Snapshot } from './snapshot.ts';

/** Where a fold begins: at a log's start, or at what a store kept. */
export interface FoldStart {
  readonly partition: number;
  readonly incarnation: number;
  readonly next: number;
  /** 0 before the first record. */
  readonly clockMs: number;
  /** -1: none in force. */
  readonly control: number;
  readonly snapshots: readonly Snapshot[];
  readonly ids: readonly RememberedId[];
}

/** The control log as dictionary: `undefined` where there is no such record. */
export type ControlDictionary = (offset: number) => ControlRecord | undefined;

export interface FoldOptions {
  /** L2: does this upstream belong to this partition? */
  readonly owns: (upstream: string) => boolean;
  /** T2: an outcome whose `at` is older than its append time by more than this is late, ms; default 60,000. */
  readonly lateAfterMs?: number;
  /** K4: how many ids are remembered; default 65,536. */
  readonly idsMax?: number;
  /** Actors kept awake; the others rest as snapshots; default 10,000. */
  readonly actorsMax?: number;
}

/** What became of the records, in calls where a record stands for several. Each record is in exactly one of these. */
export interface Tally {
  counted: number;
  /** Arrived while open: counts nothing (G2). */
  whileOpen: number;
  /** No policy of that name (L3). */
  unknown: number;
  repeat: number;
  late: number;
  /** Admitted under an older generation, or before the state began (G2). */
  stale: number;
  otherIncarnation: number;
  /** A generation that can't be yet (G2). */
  future: number;
  mark: number;
  /** A mark whose control record doesn't exist or has another hash (C2). */
  forgedMark: number;
  dead: number;
}

export interface FoldReport {
  /** In offset order. */
  readonly transitions: readonly OutboxEntry[];
  readonly tally: Tally;
}

export declare class PartitionFold {
  constructor(start: FoldStart, control: ControlDictionary, options: FoldOptions);
  readonly partition: number;
  readonly incarnation: number;
  get next(): number;
  get clockMs(): number;
  get control(): number;
  /** Folds records in order; those below `next` are passed over. The same records in any batches give the same result. */
  fold(records: readonly LogRecord[]): FoldReport;
  /** Of every upstream that ever had a policy here. */
  snapshots(): Snapshot[];
  snapshot(upstream: string): Snapshot | undefined;
  /** Snapshots changed by records at or after `offset`. */
  changedSince(offset: number): Snapshot[];
  /** Ids remembered of records at or after `offset`, oldest first. */
  idsSince(offset: number): RememberedId[];
  /** Earliest `until` of any state, ms; undefined: no lease runs. */
  get nextUntilMs(): number | undefined;
}

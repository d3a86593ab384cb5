/**
 * V1: what of a log, or of what the store kept of it, is lost, and how an owner begins all the same. Nothing here is
 * silent: who owns a partition is told of each loss, whatever becomes of it.
 */
import type { Incarnation } from './control-view.ts';
import type { Claim, LogBounds } from './ports.ts';
import { isAnother } from './reincarnation.ts';

/**
 * `rebuild`: from the newest checkpoint that fits, else from what the log still has. `cold`: everything closed and empty,
 * from the log's end on. `stop`: the partition is left alone until somebody decides.
 */
export const LOST_LOG_HANDLINGS = ['rebuild', 'cold', 'stop'] as const;
export type LostLogHandling = (typeof LOST_LOG_HANDLINGS)[number];

export type LossKind =
  /** The log begins behind what is needed: retention, or somebody, deleted it. */
  | 'cut'
  /** The log is another one: its first record differs. */
  | 'replaced'
  /** The log ends before what was folded. */
  | 'truncated'
  /** The store holds the states of another log. */
  | 'foreign'
  /** What the store holds can't be read. */
  | 'unreadable';

export interface LogLoss {
  readonly partition: number;
  readonly kind: LossKind;
  /** In words, with offsets. */
  readonly what: string;
  /** Offset from which on records were needed. */
  readonly from: number;
  /** Fold clock there (T1), ms; absent: not known. */
  readonly fromMs?: number;
  readonly bounds: Pick<LogBounds, 'first' | 'next'>;
}

/** What an owner does about it; `checkpoint` is `rebuild` where one fits. */
export type LossHandled = 'checkpoint' | LostLogHandling;

/** The owner leaves the partition alone, because that is what `stop` asks for. */
export class LostLogError extends Error {
  override readonly name = 'LostLogError';
  readonly loss: LogLoss;

  constructor(loss: LogLoss) {
    super(
      `partition ${loss.partition}: ${loss.what}. FUSEBOARD_LOST_LOG=stop: nothing is folded or written until this is decided. ` +
        'Put back what was lost, or run `fuseboard rebuild`, or start an ingest with FUSEBOARD_LOST_LOG=rebuild or cold',
    );
    this.loss = loss;
  }
}

/** Undefined: the last incarnation goes on from where the store stands, or, of an empty store, from its start. */
export function lossOf(partition: number, last: Incarnation | undefined, { claim, bounds }: { readonly claim: Claim; readonly bounds: LogBounds }): LogLoss | undefined {
  const found = findLoss(last, { claim, bounds });
  return found && lossAt(partition, { claim, bounds }, found);
}

export function lossAt(partition: number, { claim, bounds: { first, next } }: { readonly claim: Claim; readonly bounds: LogBounds }, found: Pick<LogLoss, 'kind' | 'what' | 'from'>): LogLoss {
  const fromMs = claim.meta?.clockMs ?? 0;
  return { partition, ...found, ...(fromMs === 0 ? {} : { fromMs }), bounds: { first, next } };
}

function findLoss(last: Incarnation | undefined, { claim, bounds }: { claim: Claim; bounds: LogBounds }): Pick<LogLoss, 'kind' | 'what' | 'from'> | undefined {
  const { meta, unreadable } = claim;
  if (last === undefined) {
    return meta && { kind: 'foreign', from: bounds.first, what: `the store holds states of incarnation ${meta.incarnation}, and the control log knows of none` };
  }
  const kept = meta?.incarnation === last.number ? meta : undefined;
  const reached = kept?.next ?? last.startOffset;
  const from = unreadable === undefined ? reached : last.startOffset;
  if (isAnother(last.identity, bounds)) return { kind: 'replaced', from, what: 'the log is another one: its first record differs' };
  if ((meta?.incarnation ?? 0) > last.number) {
    return { kind: 'foreign', from, what: `the store is of incarnation ${meta?.incarnation}, which the control log doesn't know` };
  }
  if (kept?.log !== undefined && kept.log !== last.identity) return { kind: 'foreign', from, what: 'the store holds states of another log' };
  if (reached > bounds.next) return { kind: 'truncated', from, what: `the log lost its end: it goes to ${bounds.next}, ${reached} was reached` };
  if (from < bounds.first) return { kind: 'cut', from, what: `the log was cut: it begins at ${bounds.first}, needed from ${from}` };
  return unreadable === undefined ? undefined : { kind: 'unreadable', from, what: `what the store holds can't be read (${unreadable})` };
}

/**
 * Where the owner of a partition begins: at what the store kept, at the start of the incarnation in force, at a checkpoint,
 * or with a new incarnation, written before it is used (V1).
 */
import type { ControlView, Incarnation } from './control-view.ts';
import { ENGINE_VERSION, GivesWay, newerEngine } from './engine-version.ts';
import type { FoldStart } from './fold.ts';
import { lossAt, lossOf, LostLogError, type LogLoss, type LossHandled, type LostLogHandling } from './log-loss.ts';
import type { CheckpointLog, Claim, ControlLog, LogBounds, OutcomeLog, OutcomeReader, PartitionMeta, StateStore } from './ports.ts';
import { overgrownReason } from './reincarnation.ts';

export interface BeginningPorts {
  readonly states: Pick<StateStore, 'claim'>;
  readonly outcomes: Pick<OutcomeLog, 'appendMark'>;
  readonly reader: Pick<OutcomeReader, 'bounds' | 'read'>;
  readonly control: Pick<ControlLog, 'append'>;
  /** Absent: none are kept. */
  readonly checkpoints?: Pick<CheckpointLog, 'find'>;
}

export interface BeginningOptions {
  readonly group: string;
  /** What to do where a log is lost (V1); default: `rebuild`. */
  readonly lostLog?: LostLogHandling;
  /** The newest rules that it knows; default ENGINE_VERSION. */
  readonly engine?: number;
  /** Newer rules come into force with the active, so that a standby may be upgraded first. */
  readonly isStandby?: boolean;
  readonly observer: BeginningObserver;
}

export interface BeginningObserver {
  /** V1: the state begins anew, for this reason. */
  incarnated(incarnation: Incarnation, reason: string): void;
  /** V1: found, and what is done about it. */
  lost?(loss: LogLoss, handled: LossHandled): void;
  /** Left alone, for a reason that a person must know of, until it is `claimed`. */
  leftAlone?(partition: number, why: string): void;
  claimed?(partition: number): void;
  /** The rules of this engine come into force, partition by partition. */
  upgraded?(engine: number, before: number): void;
}

export interface Beginning {
  readonly claim: Claim;
  readonly incarnation: Incarnation;
  readonly bounds: LogBounds;
  readonly start: FoldStart;
  /** What the store has of this incarnation, readable or not. */
  readonly meta: PartitionMeta | undefined;
  /** Nothing that the store has can stay (K2). */
  readonly isRewrite: boolean;
}

export class Beginner {
  readonly #partition: number;
  readonly #control: ControlView;
  readonly #ports: BeginningPorts;
  readonly #options: BeginningOptions;

  constructor(partition: number, control: ControlView, by: { readonly ports: BeginningPorts; readonly options: BeginningOptions }) {
    this.#partition = partition;
    this.#control = control;
    this.#ports = by.ports;
    this.#options = by.options;
  }

  /**
   * @throws {LostLogError} a loss, where those are to be decided by a person
   * @throws {GivesWay} the partition is a newer engine's
   */
  async begin(): Promise<Beginning> {
    const { observer } = this.#options;
    try {
      const begun = await this.#begin();
      observer.claimed?.(this.#partition);
      return begun;
    } catch (error) {
      if (error instanceof LostLogError || error instanceof GivesWay) observer.leftAlone?.(this.#partition, error.message);
      throw error;
    }
  }

  async #begin(): Promise<Beginning> {
    const claim = await this.#ports.states.claim(this.#partition, this.#options.group);
    await this.#control.refresh();
    await this.#raiseEngine();
    const bounds = await this.#boundsOfBegunLog();
    const last = this.#control.incarnationOf(this.#partition);
    const loss = lossOf(this.#partition, last, { claim, bounds }) ?? (await this.#overgrown(last, { claim, bounds }));
    const begun = loss === undefined ? undefined : await this.#despite(loss, last, { claim, bounds });
    if (begun !== undefined) return begun;
    const incarnation = last ?? (await this.#incarnate(claim, { ...bounds, startOffset: bounds.first }, 'first use of this log'));
    return await this.#go(incarnation, { claim, bounds });
  }

  async #overgrown(last: Incarnation | undefined, { claim, bounds }: { claim: Claim; bounds: LogBounds }): Promise<LogLoss | undefined> {
    const kept = claim.meta?.incarnation === last?.number ? claim.meta : undefined;
    const what = await overgrownReason(this.#ports.reader, { partition: this.#partition, kept, bounds });
    return what === undefined ? undefined : lossAt(this.#partition, { claim, bounds }, { kind: 'replaced', what, from: kept?.next ?? bounds.first });
  }

  async #raiseEngine(): Promise<void> {
    const { isStandby = false, observer } = this.#options;
    const before = this.#control.engineAt(this.#control.latest);
    if (isStandby || before >= this.#engine) return;
    const reason = `engine ${this.#engine} takes over from engine ${before}`;
    await this.#ports.control.append([{ author: 'fuseboard', reason, source: 'fuseboard', change: { kind: 'engine', version: this.#engine } }]);
    await this.#control.refresh();
    observer.upgraded?.(this.#engine, before);
  }

  get #engine(): number {
    return this.#options.engine ?? ENGINE_VERSION;
  }

  /** V1 compares logs by their first record, so an empty one gets one: a mark that says nothing. */
  async #boundsOfBegunLog(): Promise<LogBounds> {
    const bounds = await this.#ports.reader.bounds(this.#partition);
    if (bounds.identity !== '') return bounds;
    await this.#ports.outcomes.appendMark(this.#partition, { control: -1, hash: '' });
    return await this.#ports.reader.bounds(this.#partition);
  }

  async #despite(loss: LogLoss, last: Incarnation | undefined, { claim, bounds }: { claim: Claim; bounds: LogBounds }): Promise<Beginning> {
    const { lostLog = 'rebuild', observer } = this.#options;
    if (lostLog === 'stop') {
      observer.lost?.(loss, 'stop');
      throw new LostLogError(loss);
    }
    if (lostLog === 'rebuild' && last !== undefined && (loss.kind === 'cut' || loss.kind === 'unreadable')) {
      const checkpoint = await this.#checkpointOf(last, bounds);
      const start = checkpoint ?? (loss.kind === 'unreadable' ? emptyAt(last) : undefined);
      if (start !== undefined) {
        observer.lost?.(loss, checkpoint === undefined ? 'rebuild' : 'checkpoint');
        return await this.#restore(last, { claim, bounds, start });
      }
    }
    observer.lost?.(loss, lostLog);
    const startOffset = lostLog === 'cold' ? bounds.next : bounds.first;
    const incarnation = await this.#incarnate(claim, { ...bounds, startOffset }, loss.what);
    return await this.#go(incarnation, { claim, bounds });
  }

  async #checkpointOf({ number, identity }: Incarnation, bounds: LogBounds): Promise<FoldStart | undefined> {
    const { first, next } = bounds;
    const fits = (head: { incarnation: number; identity: string; next: number }): boolean =>
      head.incarnation === number && head.identity === identity && head.next >= first && head.next <= next;
    const found = await this.#ports.checkpoints?.find(this.#partition, { which: 'newest', fits });
    // The log that it is of may have been followed by another one, whose first record is gone as well.
    const isOvergrown = (await overgrownReason(this.#ports.reader, { partition: this.#partition, kept: found, bounds })) !== undefined;
    return isOvergrown ? undefined : found;
  }

  /** The same incarnation, and not from what the store has. */
  async #restore(incarnation: Incarnation, { claim, bounds, start }: { claim: Claim; bounds: LogBounds; start: FoldStart }): Promise<Beginning> {
    await this.#control.reach(start.control);
    this.#refuseNewer(start.control);
    const meta = claim.meta?.incarnation === incarnation.number ? claim.meta : undefined;
    return { claim, incarnation, bounds, start, meta, isRewrite: true };
  }

  async #go(incarnation: Incarnation, { claim, bounds }: { claim: Claim; bounds: LogBounds }): Promise<Beginning> {
    const meta = claim.meta?.incarnation === incarnation.number ? claim.meta : undefined;
    if (meta === undefined) return { claim, incarnation, bounds, start: emptyAt(incarnation), meta, isRewrite: claim.meta !== undefined };
    await this.#control.reach(meta.control);
    this.#refuseNewer(meta.control, meta.engine);
    const { next, clockMs, control } = meta;
    const start = { partition: this.#partition, incarnation: incarnation.number, next, clockMs, control, snapshots: claim.snapshots, ids: claim.ids };
    return { claim, incarnation, bounds, start, meta, isRewrite: false };
  }

  #refuseNewer(control: number, engine = 1): void {
    const found = Math.max(engine, this.#control.engineAt(control));
    if (found > this.#engine) throw newerEngine(this.#partition, { found, known: this.#engine });
  }

  async #incarnate(claim: Claim, { startOffset, identity = '' }: { startOffset: number; identity: string | undefined }, reason: string): Promise<Incarnation> {
    const partition = this.#partition;
    const number = Math.max(this.#control.incarnationOf(partition)?.number ?? 0, claim.meta?.incarnation ?? 0) + 1;
    const begun: Incarnation = { kind: 'incarnation', partition, number, identity, startOffset };
    await this.#ports.control.append([{ author: 'fuseboard', reason, source: 'fuseboard', change: begun }]);
    await this.#control.refresh();
    const settled = this.#control.incarnationOf(partition);
    if (settled === undefined || settled.number < number) throw new Error(`partition ${partition}: incarnation ${number} was written, and can't be read yet`);
    this.#options.observer.incarnated(settled, reason);
    return settled;
  }
}

function emptyAt({ partition, number, startOffset }: Incarnation): FoldStart {
  return { partition, incarnation: number, next: startOffset, clockMs: 0, control: -1, snapshots: [], ids: [] };
}

/**
 * The pump: takes the partitions that the log's reader assigns, folds and commits what comes, and keeps time moving
 * where no outcome does (C2, T5). It has no timer of its own: whoever runs it calls `pulse`.
 */
import type { Checkpointer } from './checkpointer.ts';
import { ControlView } from './control-view.ts';
import { Defect } from './defect.ts';
import type { LogRecord } from './outcome.ts';
import type { OwnerOptions, OwnerPorts } from './owner.ts';
import { PartitionOwner } from './owner.ts';
import type { PartitionHandler, StateUpdate } from './ports.ts';

/** T5: a mark that has not been folded yet is repeated after this long, ms. */
const MARK_AGAIN_AFTER_MS = 300;

/**
 * V1: how often it is asked whether the log is still the same, ms. The fleet's reader looks behind each gap between two
 * answers that could be long enough for a topic to be made again and outgrow us (half a second). On a quiet broker a topic
 * of a few records takes less: 240 ms was measured. Then only this finds it, and what was folded of it is taken back.
 */
const LOOK_EACH_MS = 5_000;

interface PumpPorts extends OwnerPorts {
  /** What the process has read of the control log, shared with who else asks. Absent: it is read for the partitions alone. */
  readonly controlView?: ControlView;
}

interface Owned {
  readonly owner: PartitionOwner;
  /** When the last mark was appended, by the pulse's clock; -Infinity: none. */
  markedAtMs: number;
  /** What it said. */
  markedControl: number;
  /** Settles when what was begun with the owner has ended: one thing at a time. */
  busy: Promise<void>;
  /** When it was last asked whether the log is still ours, by the monotonic clock; -Infinity: never. */
  lookedAtMs: number;
  /** How many things are begun, and not ended. */
  turns: number;
  /** What the pulse commits. */
  settling: Promise<void> | undefined;
}

export class Pump implements PartitionHandler {
  readonly #by: { readonly ports: OwnerPorts; readonly options: OwnerOptions };
  readonly #control: ControlView;
  readonly #checkpointer: Checkpointer | undefined;
  readonly #owned = new Map<number, Owned>();
  #marking = false;

  /** @param checkpointer absent: none are kept */
  constructor(ports: PumpPorts, options: OwnerOptions, checkpointer?: Checkpointer) {
    this.#by = { ports, options };
    this.#checkpointer = checkpointer;
    this.#control = ports.controlView ?? new ControlView(ports.control);
  }

  async assigned(partition: number): Promise<number> {
    const owner = await PartitionOwner.claim(partition, this.#control, this.#by);
    await owner.publish();
    this.#owned.set(partition, { owner, markedAtMs: -Infinity, markedControl: -1, lookedAtMs: -Infinity, busy: Promise.resolve(), turns: 0, settling: undefined });
    return owner.next;
  }

  async take(partition: number, records: readonly LogRecord[]): Promise<void> {
    const owned = this.#owned.get(partition);
    if (owned === undefined) throw new Error(`assertion: partition ${partition} is not assigned`);
    await inTurn(owned, () => owned.owner.take(records));
  }

  /**
   * What a feed of states says that the store holds: what the store lost is written again (K2). Only what was read of the
   * store counts, and only while nothing is under way: news of a commit is older than the commit that follows it, and
   * would be answered by one more, for ever. Never rejects, but for a defect.
   */
  async heard({ partition, meta, storeTime }: StateUpdate): Promise<void> {
    const owned = this.#owned.get(partition);
    if (owned === undefined || storeTime === undefined || owned.turns > 0) return;
    await this.#try(partition, 'comparing with the store', () => inTurn(owned, () => owned.owner.compare(meta)));
    if (storeTime.toldMonotonicMs - owned.lookedAtMs < LOOK_EACH_MS) return;
    owned.lookedAtMs = storeTime.toldMonotonicMs;
    await this.#try(partition, 'looking at the log', () => inTurn(owned, () => owned.owner.lookAtLog()));
  }

  /** What failed is tried again by whoever comes next; a defect is not. */
  async #try(partition: number, what: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (error instanceof Defect) throw error;
      this.#by.options.observer.postponed(partition, what, error);
    }
  }

  /** Commits what is folded, so that the next owner has nothing to fold again. */
  async revoked(partition: number): Promise<void> {
    const owned = this.#owned.get(partition);
    if (owned === undefined) return;
    this.#owned.delete(partition);
    await this.#try(partition, 'committing at the end', () => inTurn(owned, () => owned.owner.leave()));
  }

  /** Partitions owned, and how far each is. */
  positions(): { partition: number; next: number; clockMs: number; control: number }[] {
    return [...this.#owned].map(([partition, { owner }]) => {
      const { next, clockMs, control } = owner.fold;
      return { partition, next, clockMs, control };
    });
  }

  /**
   * To be called each 100 ms or so, and when the control log has news. Appends a mark where control has news, or where a
   * lease is over by our clock and the log has gone quiet, unless a call before is still at it; and commits what quiet
   * batches left. Never rejects, but for a defect.
   */
  async pulse(nowMs: number): Promise<void> {
    for (const [partition, { owner }] of this.#owned) this.#checkpointer?.offer(nowMs, { partition, next: owner.next, take: () => owner.checkpoint() });
    // Neither waits for the other: the log may be slow where the store isn't.
    await Promise.all([...[...this.#owned].map(([partition, owned]) => this.#settle(partition, owned)), this.#markAll(nowMs)]);
  }

  async #settle(partition: number, owned: Owned): Promise<void> {
    // Where something is under way, which may take long, the pulse doesn't wait for it.
    const isIdle = owned.turns === 0;
    owned.settling ??= this.#try(partition, 'committing', () => inTurn(owned, () => owned.owner.settle())).finally(() => (owned.settling = undefined));
    if (isIdle) await owned.settling;
  }

  async #markAll(nowMs: number): Promise<void> {
    if (this.#marking) return;
    this.#marking = true;
    try {
      await Promise.all([...this.#owned].map(([partition, owned]) => this.#try(partition, 'appending a mark', () => this.#mark(partition, owned, nowMs))));
    } finally {
      this.#marking = false;
    }
  }

  async #mark(partition: number, owned: Owned, nowMs: number): Promise<void> {
    await this.#control.refresh();
    if (!(await this.#needsMark(partition, owned, nowMs))) return;
    const mark = owned.owner.markNow();
    owned.markedAtMs = nowMs;
    owned.markedControl = mark.control;
    await this.#by.ports.outcomes.appendMark(partition, mark);
  }

  async #needsMark(partition: number, { owner, markedAtMs, markedControl }: Owned, nowMs: number): Promise<boolean> {
    const { control, nextUntilMs, next } = owner.fold;
    const hasNews = this.#control.latest > control;
    const isStandby = this.#by.options.isStandby === true;
    if (hasNews && markedControl < this.#control.latest) return isStandby ? this.#leaveFirstMark(partition, nowMs) : true;
    if (nowMs < markedAtMs + MARK_AGAIN_AFTER_MS) return false;
    const isDue = nextUntilMs !== undefined && nextUntilMs + (isStandby ? MARK_AGAIN_AFTER_MS : 0) <= nowMs;
    if (!hasNews && !isDue) return false;
    // Records that are there already may do what the mark would.
    return (await this.#by.ports.reader.bounds(partition)).next <= next;
  }

  /** The first mark is the active's to append; a standby repeats it where it doesn't come (C2). */
  #leaveFirstMark(partition: number, nowMs: number): false {
    const owned = this.#owned.get(partition);
    if (owned !== undefined) Object.assign(owned, { markedAtMs: nowMs, markedControl: this.#control.latest });
    return false;
  }
}

/** Behind whatever was begun before, however that ended. */
function inTurn(owned: Owned, action: () => Promise<void>): Promise<void> {
  owned.turns++;
  const turn = owned.busy.then(action).finally(() => owned.turns--);
  owned.busy = turn.catch(() => undefined);
  return turn;
}

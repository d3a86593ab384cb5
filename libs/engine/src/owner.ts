/**
 * One partition in the hands of its owner: restore, fold, commit, publish, in that order (K1-K3). The fold is
 * deterministic and the store compares positions, so each answer to a commit has a way on that neither loses nor repeats a record:
 *   OK, ALREADY  what was sent stands                        → publish it
 *   AHEAD        somebody folded further                     → keep all, commit again once past the store
 *   REGRESSED    the store fell back or was emptied          → write all again
 *   FENCED       a newer owner of our group, or incarnation  → drop all, claim again
 */
import { Beginner, type BeginningObserver, type BeginningOptions } from './beginning.ts';
import type { ControlView } from './control-view.ts';
import { Defect } from './defect.ts';
import { ENGINE_VERSION, newerEngine } from './engine-version.ts';
import type { FoldOptions, FoldReport } from './fold.ts';
import { PartitionFold } from './fold.ts';
import type { LogRecord, Mark } from './outcome.ts';
import type { Checkpoint, CheckpointLog, Commit, CommitAnswer, ControlLog, DeadLetters, LogBounds, MisplacedRecord, OutboxEntry, OutcomeLog, OutcomeReader, PartitionMeta, StateStore, TransitionLog } from './ports.ts';
import { isAnother } from './reincarnation.ts';
import { transitionName } from './transition.ts';

export interface OwnerPorts {
  readonly outcomes: OutcomeLog;
  readonly reader: OutcomeReader;
  readonly control: ControlLog;
  readonly states: StateStore;
  readonly transitions: TransitionLog;
  readonly deadLetters: DeadLetters;
  /** Where a log was cut they stand for what is gone. Absent: none are kept. */
  readonly checkpoints?: Pick<CheckpointLog, 'find'>;
}

export interface OwnerOptions extends Pick<FoldOptions, 'lateAfterMs' | 'idsMax' | 'actorsMax' | 'engine'>, Pick<BeginningOptions, 'lostLog'> {
  /** Consumer group: epochs count within it (K1). */
  readonly group: string;
  readonly owns: (upstream: string, partition: number) => boolean;
  /** A fresh commit id. */
  readonly newId: () => string;
  /** Batches that changed no breaker's state are committed by the pulse, many as one; default: each at once. */
  readonly areQuietCommitsDeferred?: boolean;
  /** Another group's owners commit what is quiet; this one commits changes of state, and what they leave too long (K2). Default: false. */
  readonly isStandby?: boolean;
  /** What happens, for metrics and log lines. */
  readonly observer: OwnerObserver;
}

export interface OwnerObserver extends BeginningObserver {
  folded(partition: number, report: FoldReport): void;
  committed(partition: number, answer: CommitAnswer): void;
  /** Published, so everybody may know it. */
  published(partition: number, entries: readonly OutboxEntry[]): void;
  /** Sent on to where they belong (L2). */
  sentOn(records: readonly MisplacedRecord[]): void;
  /** Went wrong and will be tried again. */
  postponed(partition: number, what: string, error: unknown): void;
}

/** How often a commit is taken up again within one batch before the batch is handed back to the reader. */
const COMMIT_ROUNDS_MAX = 8;
/** Records read at once when an owner must catch up on its own. */
const CATCH_UP_MAX = 1_000;
/** How far a standby folds ahead of what it knows of the store: no commit of its own need be larger. */
const STANDBY_AHEAD_MAX = 65_536;
/** Transitions published at once: what an outage left is told in parts, each of which stands. */
const PUBLISH_MAX = 1_000;

export class PartitionOwner {
  readonly #ports: OwnerPorts;
  readonly #options: OwnerOptions;
  readonly #control: ControlView;
  readonly #beginner: Beginner;
  readonly partition: number;
  #fold!: PartitionFold;
  #identity = '';
  #epoch = 0;
  /** The store's next as we believe it; null: it has nothing of this incarnation. */
  #expected: number | null = null;
  #rewrite = false;
  #restoringTo: number | undefined;
  /** What the reader gave up to here was dropped by a claim, and is to be read again before anything behind it. */
  #catchUpTo = 0;
  /** The log has become another one since the reader began with it: what it gives may be of the old one, and is news at most (V1). */
  #isReaderAstray = false;
  /** L2: what is misrouted below this was sent on already. */
  #sentOnTo = 0;
  /** Made, or found at the claim, and not known to be published. */
  #unpublished: OutboxEntry[] = [];
  #publishing: Promise<void> | undefined;
  /** The control offset that the store has. */
  #committedControl = -1;
  /** No commit has stood since one was begun: nothing more is folded before, or what is ahead of the store would grow without bound. */
  #isOwing = false;
  /** The partition is given up: a newer owner is not to be contended with. */
  #isLeaving = false;
  /** The store may have lost what it had: to be found out by a commit that moves nothing. */
  #isDoubted = false;
  /** Sent and not answered: sent again as it was (ALREADY tells a lost reply). */
  #unanswered: Commit | undefined;

  private constructor(partition: number, control: ControlView, { ports, options }: { ports: OwnerPorts; options: OwnerOptions }) {
    this.partition = partition;
    this.#control = control;
    this.#ports = ports;
    this.#options = options;
    this.#beginner = new Beginner(partition, control, { ports, options });
  }

  static async claim(partition: number, control: ControlView, by: { ports: OwnerPorts; options: OwnerOptions }): Promise<PartitionOwner> {
    const owner = new PartitionOwner(partition, control, by);
    await owner.#claim();
    return owner;
  }

  get next(): number {
    return this.#fold.next;
  }

  get fold(): Pick<PartitionFold, 'next' | 'clockMs' | 'control' | 'nextUntilMs'> {
    return this.#fold;
  }

  async take(records: readonly LogRecord[]): Promise<void> {
    await this.#catchUp();
    if (this.#isOwing) await this.#commit();
    if (this.#isReaderAstray) await this.#readUpTo((records.at(-1)?.offset ?? -1) + 1);
    else if (records.some(({ offset }) => offset >= this.#fold.next)) await this.#foldBatch(records);
    if (this.#options.areQuietCommitsDeferred !== true || this.#hasNews) await this.settle();
  }

  /** Commits what is folded, if there is something, and if it isn't another's to commit. */
  async settle(): Promise<void> {
    if (!this.#isOthers) await this.#commit();
    await this.publish();
  }

  /** The partition is no longer ours, or about to be: what is folded is committed, if the store still takes it from us. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    await this.settle();
  }

  /** Whoever is first may commit (K2), but one of two is enough for what nobody waits for. */
  get #isOthers(): boolean {
    const ahead = this.#fold.next - (this.#expected ?? 0);
    return this.#options.isStandby === true && !this.#hasNews && !this.#isOwing && ahead < STANDBY_AHEAD_MAX;
  }

  /** What others wait for: a change of state, or documents that came into force. */
  get #hasNews(): boolean {
    return this.#fold.control !== this.#committedControl || this.#unpublished.some((entry) => !this.#isCommitted(entry));
  }

  /**
   * What the store is said to hold of this partition. Where that is less than was committed, it fell back or was emptied
   * (K2), and with nothing to fold no other commit would come upon it. Who is behind it (AHEAD) would take it back.
   */
  async compare(meta: PartitionMeta | undefined): Promise<void> {
    if (this.#expected === null || this.#fold.next < this.#expected) return;
    if (meta !== undefined && meta.incarnation === this.#fold.incarnation && meta.next >= this.#expected) return this.#follow(meta);
    this.#isDoubted = true;
    await this.#commit();
    await this.publish();
  }

  /** V1, on the spot: a log that is made again may soon have records where we stand. */
  async lookAtLog(): Promise<void> {
    if (isAnother(this.#identity, await this.#ports.reader.bounds(this.partition))) await this.#startOver();
  }

  /** A standby learns what the other has committed, so that a commit of its own holds the rest alone (K5). */
  #follow({ next, control }: PartitionMeta): void {
    if (this.#options.isStandby !== true || this.#unanswered !== undefined) return;
    this.#expected = next;
    this.#committedControl = control;
    // L2: sent on by whoever committed past it.
    this.#sentOnTo = Math.max(this.#sentOnTo, next);
    this.#fold.settled(next);
  }

  /** Empties the outbox, at least once (K3). What can't be published now stays for the next call. */
  async publish(): Promise<void> {
    this.#publishing ??= this.#publish().finally(() => (this.#publishing = undefined));
    await this.#publishing;
  }

  async #publish(): Promise<void> {
    const committed = this.#unanswered === undefined ? this.#unpublished.filter((entry) => this.#isCommitted(entry)) : [];
    for (let from = 0; from < committed.length; from += PUBLISH_MAX) {
      if (!(await this.#publishEach(committed.slice(from, from + PUBLISH_MAX)))) return;
    }
  }

  /** False: not for now. */
  async #publishEach(entries: readonly OutboxEntry[]): Promise<boolean> {
    try {
      await this.#ports.transitions.append(entries.map(({ transition }) => transition));
      await this.#ports.states.published(this.partition, entries);
    } catch (error) {
      this.#options.observer.postponed(this.partition, 'publishing transitions', error);
      return false;
    }
    const done = new Set(entries);
    this.#unpublished = this.#unpublished.filter((entry) => !done.has(entry));
    this.#options.observer.published(this.partition, entries);
    return true;
  }

  /** What is left of an older incarnation was found at the claim. */
  #isCommitted({ offset, transition }: OutboxEntry): boolean {
    return offset < (this.#expected ?? 0) || transition.incarnation !== this.#fold.incarnation;
  }

  async #claim(): Promise<void> {
    const { claim, incarnation, bounds, start, meta, isRewrite } = await this.#beginner.begin();
    this.#fold = new PartitionFold(start, this.#control.at, { ...this.#options, owns: (upstream) => this.#options.owns(upstream, this.partition) });
    const isSameLog = this.#identity === incarnation.identity;
    this.#identity = incarnation.identity;
    this.#sentOnTo = Math.max(isSameLog ? this.#sentOnTo : 0, bounds.passed, meta?.next ?? 0);
    this.#epoch = claim.epoch;
    this.#expected = meta?.next ?? null;
    this.#committedControl = meta?.control ?? -1;
    this.#rewrite = isRewrite;
    this.#restoringTo = meta === undefined ? bounds.next : meta.restoringTo;
    this.#unpublished = [...claim.outbox];
    this.#unanswered = undefined;
  }

  async #foldBatch(records: readonly LogRecord[]): Promise<void> {
    if (await this.#isCut(records)) return await this.#beginBehindCut(records);
    for (const { entry } of records) if (entry.kind === 'mark') await this.#reach(entry.mark);
    // At least once: acknowledged before the commit that passes them, and told again by a refold.
    const letters = records.flatMap(({ entry, offset }) =>
      entry.kind === 'dead' && offset >= this.#fold.next ? [{ ...entry, partition: this.partition, offset }] : [],
    );
    if (letters.length > 0) await this.#ports.deadLetters.append(letters);
    await this.#sendOn(records);
    const report = Defect.guard(`partition ${this.partition}: folding from ${this.#fold.next}`, () => this.#fold.fold(records));
    this.#unpublished = this.#unpublished.concat(report.transitions);
    this.#options.observer.folded(this.partition, report);
  }

  /** C2. Its records are read before a mark is folded, and a mark of newer rules than ours isn't. */
  async #reach(mark: Mark): Promise<void> {
    await this.#control.reach(mark.control);
    const { engine: known = ENGINE_VERSION, observer } = this.#options;
    const found = this.#control.at(mark.control)?.hash === mark.hash ? this.#control.engineAt(mark.control) : 1;
    if (found <= known) return;
    const error = newerEngine(this.partition, { found, known });
    observer.leftAlone?.(this.partition, error.message);
    throw error;
  }

  /** V1: gaps alone are normal; one at the log's beginning is what retention took before it was folded. */
  async #isCut([head]: readonly LogRecord[]): Promise<boolean> {
    if (head === undefined || head.offset <= this.#fold.next) return false;
    return (await this.#ports.reader.bounds(this.partition)).first > this.#fold.next;
  }

  async #beginBehindCut(records: readonly LogRecord[]): Promise<void> {
    this.#catchUpTo = Math.max(this.#catchUpTo, (records.at(-1)?.offset ?? -1) + 1);
    await this.#startOver();
  }

  /** L2: acknowledged before the commit that passes them; what a refold meets again was sent on the first time. */
  async #sendOn(records: readonly LogRecord[]): Promise<void> {
    const { partition } = this;
    const misplaced: MisplacedRecord[] = [];
    for (const { entry, offset } of records) {
      if (entry.kind !== 'misrouted' || entry.isSentOn || offset < this.#sentOnTo) continue;
      const { upstream, reporter, count, value } = entry;
      misplaced.push({ upstream, reporter, count, value, partition, offset });
    }
    const last = misplaced.at(-1);
    if (last === undefined) return;
    await this.#ports.outcomes.sendOn(misplaced);
    this.#sentOnTo = last.offset + 1;
    this.#options.observer.sentOn(misplaced);
  }

  async #commit(): Promise<void> {
    for (let round = 0; round < COMMIT_ROUNDS_MAX; round++) {
      if (this.#unanswered === undefined && !this.#isCommitDue) {
        this.#isOwing = false;
        return;
      }
      const commit = (this.#unanswered ??= this.#commitOf());
      this.#isOwing = true;
      const answer = await this.#ports.states.commit(commit);
      this.#unanswered = undefined;
      this.#isDoubted = false;
      this.#options.observer.committed(this.partition, answer);
      if (this.#isLeaving && (answer.kind === 'FENCED' || answer.kind === 'REGRESSED')) return;
      await this.#act(answer, commit);
    }
    throw new Error(`partition ${this.partition}: no commit stood after ${COMMIT_ROUNDS_MAX} rounds`);
  }

  /** What is written anew because the store had lost it is due though nothing was folded since, but takes nothing back. */
  get #isCommitDue(): boolean {
    const expected = this.#expected ?? -1;
    return this.#fold.next > expected || (this.#fold.next === expected && (this.#isDoubted || this.#rewrite));
  }

  #commitOf(): Commit {
    const from = this.#rewrite ? -1 : (this.#expected ?? -1);
    const restoring = this.#restoringTo !== undefined && this.#fold.next < this.#restoringTo;
    return {
      partition: this.partition,
      group: this.#options.group,
      epoch: this.#epoch,
      incarnation: this.#fold.incarnation,
      commitId: this.#options.newId(),
      expected: this.#expected,
      next: this.#fold.next,
      clockMs: this.#fold.clockMs,
      control: this.#fold.control,
      snapshots: this.#rewrite ? this.#fold.snapshots() : this.#fold.changedSince(from),
      outbox: this.#unpublished.filter(({ offset }) => offset >= from),
      ids: this.#fold.idsSince(from),
      log: this.#identity,
      engine: this.#fold.engine,
      ...(this.#rewrite ? { rewrite: true } : {}),
      ...(restoring ? { restoringTo: this.#restoringTo as number } : {}),
    };
  }

  async #act(answer: CommitAnswer, commit: Commit): Promise<void> {
    switch (answer.kind) {
      case 'OK':
      case 'ALREADY':
        this.#expected = commit.next;
        this.#committedControl = commit.control;
        this.#rewrite = false;
        this.#fold.settled(commit.next);
        return;
      case 'AHEAD':
        this.#expected = answer.next;
        return;
      case 'REGRESSED':
        if (isAnother(this.#identity, await this.#ports.reader.bounds(this.partition))) return await this.#startOver();
        await this.#findOutbox();
        // No lower than where we stand: of an older incarnation, whose offsets say nothing here.
        this.#expected = answer.next !== undefined && answer.next < this.#fold.next ? answer.next : null;
        this.#rewrite = true;
        return;
      case 'FENCED':
        return await this.#startOver();
    }
  }

  /** K3: a store that fell back may hold what was published since, and nobody would empty it before the next claim. */
  async #findOutbox(): Promise<void> {
    const { epoch, outbox } = await this.#ports.states.claim(this.partition, this.#options.group);
    this.#epoch = epoch;
    const known = new Set(this.#unpublished.map(({ transition }) => transitionName(transition)));
    this.#unpublished.unshift(...outbox.filter(({ transition }) => !known.has(transitionName(transition))));
  }

  /** Back to what the store has, then on to where we stood. */
  async #startOver(): Promise<void> {
    const { next, incarnation } = this.#fold;
    this.#catchUpTo = Math.max(this.#catchUpTo, next);
    await this.#claim();
    if (this.#fold.incarnation !== incarnation) this.#isReaderAstray = true;
    await this.#catchUp();
  }

  async #readUpTo(end: number): Promise<void> {
    this.#catchUpTo = Math.max(this.#catchUpTo, end);
    await this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    while (this.#fold.next < this.#catchUpTo) {
      const records = await this.#ports.reader.read(this.partition, this.#fold.next, CATCH_UP_MAX);
      // Asked behind the read: a log that is still ours was ours when it was read (V1).
      const bounds = await this.#ports.reader.bounds(this.partition);
      if (isAnother(this.#identity, bounds)) return await this.#startOver();
      if (records.length > 0) await this.#foldBatch(records);
      else this.#doWithout(bounds);
    }
  }

  /** Another log may be shorter than the one where we stood (V1). Of the same one, what was there can't be read for the moment. */
  #doWithout({ next }: LogBounds): void {
    if (next >= this.#catchUpTo) throw new Error(`partition ${this.partition}: no record was given from ${this.#fold.next} on, and the log goes to ${next}`);
    this.#catchUpTo = 0;
  }

  /** Where a fold of this log could begin. Undefined: what is folded has not been committed yet. */
  checkpoint(): Checkpoint | undefined {
    const { partition, incarnation, next, clockMs, control } = this.#fold;
    if (this.#isOwing || next !== this.#expected) return undefined;
    return { partition, incarnation, identity: this.#identity, next, clockMs, control, snapshots: this.#fold.snapshots(), ids: this.#fold.idsSince(0) };
  }

  /** C2: what a mark appended now would say. */
  markNow(): Mark {
    const control = this.#control.latest;
    return { control, hash: this.#control.at(control)?.hash ?? '' };
  }
}

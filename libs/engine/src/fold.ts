/**
 * The fold of one partition (docs/model.md): records in, transitions and snapshots out. The same records with the same
 * control log give the same result in whatever batches they come, on whatever machine, at whatever time.
 *
 * Records are read in order, one by one. F1: each outcome is judged at its record, in the state that its breaker has
 * there; nothing is gathered, so batches change nothing. That costs little, since an outcome that changes no state is no
 * event for an actor (breaker.ts).
 */
import { Actors } from './actors.ts';
import { firstSnapshot, type Breaker } from './breaker.ts';
import type { ControlRecord } from './control.ts';
import { ENGINE_VERSION, newerEngine } from './engine-version.ts';
import type { BreakerEvent, Change, Moved } from './machine.ts';
import { expiry, isBeyond } from './machine.ts';
import { Leases } from './leases.ts';
import type { LogRecord, Mark, Outcome } from './outcome.ts';
import type { ControlDictionary } from './policies-in-force.ts';
import { PoliciesInForce } from './policies-in-force.ts';
import { measuresAlike } from './policy.ts';
import type { PolicyChange } from './policy-changes.ts';
import type { OutboxEntry } from './ports.ts';
import type { RememberedId } from './repeats.ts';
import { Repeats } from './repeats.ts';
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

export interface FoldOptions {
  /** L2: does this upstream belong to this partition? */
  readonly owns: (upstream: string) => boolean;
  /** T2: an outcome whose `at` is older than its append time by more than this is late, ms; default 60,000. */
  readonly lateAfterMs?: number;
  /** K4: how many ids are remembered; default 65,536. */
  readonly idsMax?: number;
  /** Actors kept awake; the others rest as snapshots; default 10,000. */
  readonly actorsMax?: number;
  /** The newest rules that it may be asked to follow; default ENGINE_VERSION. */
  readonly engine?: number;
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
  /** Admitted under an older generation, or known before the state began (G2). */
  stale: number;
  otherIncarnation: number;
  /** A generation that can't be yet (G2). */
  future: number;
  mark: number;
  /** A mark whose control record doesn't exist or has another hash (C2). */
  forgedMark: number;
  dead: number;
  /** Of another partition (L2). */
  misrouted: number;
}

export interface FoldReport {
  /** In offset order. */
  readonly transitions: readonly OutboxEntry[];
  readonly tally: Tally;
}

/** T1: a record this much below the clock sets it back, ms. */
const SET_BACK_AFTER_MS = 5_000;

export class PartitionFold {
  readonly partition: number;
  readonly incarnation: number;
  readonly #lateAfterMs: number;
  readonly #knownEngine: number;
  readonly #policies: PoliciesInForce;
  readonly #actors: Actors;
  readonly #repeats: Repeats;
  readonly #leases = new Leases();
  /** Upstreams touched since `settled`. */
  readonly #touched = new Set<string>();
  #next: number;
  #clockMs: number;
  #transitions: OutboxEntry[] = [];
  #tally = newTally();

  constructor(start: FoldStart, control: ControlDictionary, options: FoldOptions) {
    this.partition = start.partition;
    this.incarnation = start.incarnation;
    this.#next = start.next;
    this.#clockMs = start.clockMs;
    this.#policies = new PoliciesInForce(control, options.owns);
    this.#lateAfterMs = options.lateAfterMs ?? 60_000;
    this.#knownEngine = options.engine ?? ENGINE_VERSION;
    this.#repeats = new Repeats(options.idsMax ?? 65_536);
    this.#actors = new Actors({
      partition: start.partition,
      awakeMax: options.actorsMax ?? 10_000,
      policyOf: (upstream) => this.#policies.of(upstream),
      onMoved: (moved) => this.#onMoved(moved),
    });
    this.#restore(start);
  }

  get next(): number {
    return this.#next;
  }

  get clockMs(): number {
    return this.#clockMs;
  }

  /** Last control offset in force; -1: none. */
  get control(): number {
    return this.#policies.control;
  }

  /** Which rules are in force (engine-version.ts). */
  get engine(): number {
    return this.#policies.engine;
  }

  /** Earliest `until` of any state, ms; undefined: no lease runs. */
  get nextUntilMs(): number | undefined {
    const earliest = this.#leases.earliestMs;
    return earliest === Infinity ? undefined : earliest;
  }

  /** Folds records in order; those below `next` are passed over. */
  fold(records: readonly LogRecord[]): FoldReport {
    this.#transitions = [];
    this.#tally = newTally();
    for (const record of records) {
      if (record.offset < this.#next) continue;
      this.#moveClock(record);
      this.#take(record);
      this.#next = record.offset + 1;
    }
    return { transitions: this.#transitions, tally: this.#tally };
  }

  /** Of every upstream that ever had a policy here. */
  snapshots(): Snapshot[] {
    return [...this.#actors.upstreams()].map((upstream) => this.snapshot(upstream) as Snapshot);
  }

  snapshot(upstream: string): Snapshot | undefined {
    return this.#actors.snapshot(upstream);
  }

  /** Snapshots changed by records at or after `offset`, no earlier than where this fold began or was `settled`. */
  changedSince(offset: number): Snapshot[] {
    const changed: Snapshot[] = [];
    for (const upstream of this.#touched) {
      if (this.#actors.nextOf(upstream) > offset) changed.push(this.snapshot(upstream) as Snapshot);
    }
    return changed;
  }

  /** Nobody will ask for changes before `offset` any more (K5). */
  settled(offset: number): void {
    for (const upstream of this.#touched) {
      if (this.#actors.nextOf(upstream) > offset) continue;
      this.#touched.delete(upstream);
      this.#actors.settled(upstream);
    }
  }

  /** Ids remembered of records at or after `offset`, oldest first. */
  idsSince(offset: number): RememberedId[] {
    return this.#repeats.since(offset);
  }

  /** Whoever goes on by rules that it doesn't know makes another state than those who do. */
  #refuseNewer(): void {
    const { engine: found } = this.#policies;
    if (found > this.#knownEngine) throw newerEngine(this.partition, { found, known: this.#knownEngine });
  }

  #restore(start: FoldStart): void {
    this.#policies.restore(start.control);
    this.#refuseNewer();
    for (const snapshot of start.snapshots) {
      this.#actors.rest(snapshot);
      if (snapshot.untilMs !== undefined) this.#leases.set(snapshot.upstream, snapshot.untilMs);
    }
    this.#repeats.restore(start.ids);
  }

  /** T1, T5: moves the fold clock to this record, and ends the leases that are over by then. */
  #moveClock({ appendMs, offset }: LogRecord): void {
    if (appendMs > this.#clockMs) this.#clockMs = appendMs;
    else if (appendMs < this.#clockMs - SET_BACK_AFTER_MS) this.#setBack(appendMs, offset);
    if (this.#clockMs >= this.#leases.earliestMs) this.#expireDue(offset);
  }

  #setBack(clockMs: number, offset: number): void {
    this.#clockMs = clockMs;
    for (const upstream of this.#actors.upstreams()) {
      if (!isBeyond(this.snapshot(upstream) as Snapshot, clockMs)) continue;
      this.#send(upstream, { type: 'pulledIn', clockMs }, offset);
      const { untilMs } = this.snapshot(upstream) as Snapshot;
      this.#leases.set(upstream, untilMs);
    }
  }

  #expireDue(offset: number): void {
    for (const { upstream, untilMs } of this.#leases.takeDue(this.#clockMs)) this.#send(upstream, { type: 'expired', change: expiry({ untilMs }, offset) }, offset);
  }

  #take({ entry, offset, appendMs }: LogRecord): void {
    switch (entry.kind) {
      case 'outcome':
        return this.#takeOutcome(entry.outcome, offset, appendMs);
      case 'mark':
        return this.#takeMark(entry.mark, offset);
      case 'dead':
        this.#tally.dead++;
        return;
      case 'misrouted':
        this.#tally.misrouted += entry.count;
    }
  }

  #takeOutcome(outcome: Outcome, offset: number, appendMs: number): void {
    const { upstream, reporter, id, count } = outcome;
    const breaker = this.#actors.wakePoliced(upstream);
    if (breaker === undefined) {
      this.#tally.unknown += count;
    } else if (id !== undefined && this.#repeats.seen(reporter, id, offset)) {
      this.#tally.repeat += count;
    } else if (outcome.atMs < appendMs - this.#lateAfterMs) {
      this.#tally.late += count;
    } else {
      const taken = breaker.take(outcome, this.#clockMs, offset);
      this.#tally[taken] += count;
      if (taken === 'counted') this.#touch(breaker);
    }
  }

  #touch(breaker: Breaker): void {
    if (breaker.isTouched) return;
    breaker.isTouched = true;
    this.#touched.add(breaker.upstream);
  }

  /** C2. */
  #takeMark(mark: Mark, offset: number): void {
    if (!this.#policies.isGenuine(mark)) {
      this.#tally.forgedMark++;
      return;
    }
    this.#tally.mark++;
    while (this.#policies.control < mark.control) {
      const { record, changes } = this.#policies.takeNext();
      this.#refuseNewer();
      for (const change of changes) this.#changePolicy(change, { record: record as ControlRecord, offset });
      if (record !== undefined) this.#override(record, offset);
      // An override may be over before it came into force (T5).
      if (this.#clockMs >= this.#leases.earliestMs) this.#expireDue(offset);
    }
  }

  /** C3. */
  #changePolicy({ upstream, before, after: policy }: PolicyChange, at: { record: ControlRecord; offset: number }): void {
    const { offset } = at;
    if (policy === undefined) {
      this.#send(upstream, { type: 'policyDeleted', change: this.#byHand(at, 'the policy was deleted', 'policy') }, offset);
    } else if (before !== undefined) {
      this.#send(upstream, { type: 'policyChanged', policy, keepWindow: measuresAlike(before, policy) }, offset);
    } else if (this.#actors.has(upstream)) {
      this.#send(upstream, { type: 'policyApplied', policy, change: this.#byHand(at, 'the policy was applied again', 'policy') }, offset);
    } else {
      this.#actors.rest(firstSnapshot(policy, { incarnation: this.incarnation, clockMs: this.#clockMs, next: offset + 1 }));
      this.#touched.add(upstream);
    }
  }

  /** By hand; of an upstream without policy it means nothing. */
  #override(record: ControlRecord, offset: number): void {
    const { change, author, reason } = record;
    if (!('upstream' in change) || this.#policies.of(change.upstream) === undefined) return;
    if (change.kind === 'clear') {
      if (this.snapshot(change.upstream)?.override === undefined) return;
      this.#send(change.upstream, { type: 'cleared', change: this.#byHand({ record, offset }, reason, 'override') }, offset);
    } else {
      const moved: Change = {
        ...this.#byHand({ record, offset }, reason, 'override'),
        override: { author, reason, controlOffset: record.offset },
        ...(change.durationMs === undefined ? {} : { untilMs: record.appendMs + change.durationMs }),
      };
      this.#send(change.upstream, { type: 'forced', to: change.to, change: moved }, offset);
    }
  }

  #byHand({ record, offset }: { record: ControlRecord; offset: number }, reason: string, kind: 'policy' | 'override'): Change {
    const cause = { kind, author: record.author, controlOffset: record.offset };
    return { offset, atMs: this.#clockMs, reason, cause };
  }

  #send(upstream: string, event: BreakerEvent, offset: number): void {
    this.#actors.send(upstream, event, offset);
    this.#touched.add(upstream);
  }

  #onMoved({ offset, transition }: Moved): void {
    const { upstream, openUntilMs } = transition;
    this.#transitions.push({ offset, transition });
    this.#leases.set(upstream, openUntilMs);
  }
}

function newTally(): Tally {
  return {
    counted: 0, whileOpen: 0, unknown: 0, repeat: 0, late: 0, stale: 0,
    otherIncarnation: 0, future: 0, mark: 0, forgedMark: 0, dead: 0, misrouted: 0,
  };
}

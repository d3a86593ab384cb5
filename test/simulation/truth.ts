/**
 * What the log says: the naive fold of each incarnation, advanced with the log and never gone back, with what held at
 * each offset. Everything that anybody made, committed or told is held against it.
 */
import type { Outcome, OutboxEntry, PartitionMeta, RememberedId, Snapshot, Tally, Transition } from '#engine';
import { NaiveFold } from '../support/naive-fold.ts';
import { Violation } from './invariants.ts';
import { nameOf, type ControlTopic } from './other-topics.ts';
import type { OutcomeTopic, PartitionLog } from './outcome-topic.ts';
import type { Profile } from './profile.ts';
import { isSame } from './same.ts';
import type { Held } from './state-store.ts';

/** What held once every record below an offset was folded. */
interface Moment {
  readonly clockMs: number;
  readonly control: number;
  readonly snapshots: readonly Snapshot[];
  /** How many ids were ever remembered. */
  readonly ids: number;
}

/** What is held against it: of a store, or of a checkpoint. */
export interface Standing extends Pick<Held, 'snapshots' | 'ids'> {
  readonly meta?: Pick<PartitionMeta, 'next' | 'clockMs' | 'control'>;
}

export class Truth {
  readonly log: PartitionLog;
  readonly incarnation: number;
  readonly startOffset: number;
  /** As the control log has it (V1). */
  readonly identity: string;
  /** By name (G1), in order. */
  readonly transitions = new Map<string, Transition>();
  /** Outcomes that began the generation after a lease (G3). */
  leased = 0;
  readonly #fold: NaiveFold;
  readonly #moments = new Map<number, Moment>();
  readonly #idOffsets: number[] = [];
  readonly #idsMax: number;
  readonly #expected: ReadonlyMap<string, boolean>;
  /** By name, the words for people, which the naive fold has none of. */
  readonly #reasons = new Map<string, string>();
  #snapshots: readonly Snapshot[] = [];

  constructor(begun: { partition: number; incarnation: number; startOffset: number; log: PartitionLog; identity: string }, world: { control: ControlTopic; outcomes: OutcomeTopic; profile: Profile; expected: ReadonlyMap<string, boolean> }) {
    const { partition, incarnation, startOffset, log, identity } = begun;
    const { control, outcomes, profile, expected } = world;
    this.log = log;
    this.incarnation = incarnation;
    this.startOffset = startOffset;
    this.identity = identity;
    this.#idsMax = profile.idsMax;
    this.#expected = expected;
    const owns = (upstream: string): boolean => outcomes.partitionOf(upstream) === partition;
    this.#fold = new NaiveFold((offset) => control.records[offset], { partition, incarnation, owns, lateAfterMs: profile.lateAfterMs, idsMax: profile.idsMax });
    this.#fold.next = startOffset;
    this.#moments.set(startOffset, { clockMs: 0, control: -1, snapshots: [], ids: 0 });
  }

  get tally(): Readonly<Tally> {
    return this.#fold.tally;
  }

  get reached(): NaiveFold['reached'] {
    return this.#fold.reached;
  }

  /** Undefined: no record ends there. */
  at(next: number): Moment | undefined {
    while (this.#fold.next < next && this.#fold.next < this.log.records.length) this.#step();
    return this.#moments.get(next);
  }

  /** Why the store doesn't hold what it should; undefined: it does. */
  differenceTo({ meta, snapshots, ids }: Standing): string | undefined {
    if (meta === undefined) return undefined;
    const truth = this.at(meta.next);
    if (truth === undefined) return `it is at ${meta.next}, and no record of that log ends there`;
    if (meta.clockMs !== truth.clockMs) return `its clock is ${meta.clockMs}, wanted ${truth.clockMs}`;
    if (meta.control !== truth.control) return `control up to ${meta.control} is in force, wanted ${truth.control}`;
    if (snapshots.size !== truth.snapshots.length) return `it has the upstreams ${[...snapshots.keys()].join()}, wanted ${truth.snapshots.map(({ upstream }) => upstream).join()}`;
    for (const wanted of truth.snapshots) {
      const found = snapshots.get(wanted.upstream);
      if (!isSame(found, wanted)) return `it has ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`;
    }
    return this.#areSameIds(ids, truth.ids) ? undefined : `it remembers the ids of ${ids.map(({ offset }) => offset).join()}, wanted ${this.#idOffsets.slice(Math.max(0, truth.ids - this.#idsMax), truth.ids).join()}`;
  }

  /** One content for each name. */
  checkMade({ offset, transition }: OutboxEntry): void {
    this.at(offset + 1);
    const name = nameOf(transition);
    const known = this.transitions.get(name);
    const reason = this.#reasons.get(name);
    if (reason === undefined) this.#reasons.set(name, transition.reason);
    if (known !== undefined && (reason ?? transition.reason) === transition.reason && isSame({ ...transition, reason: '' }, known)) return;
    throw new Violation('one content', `${name} was made as ${JSON.stringify(transition)}, and the log says ${JSON.stringify(known)}${reason === undefined ? '' : `, because "${reason}"`}`);
  }

  #areSameIds(ids: readonly RememberedId[], count: number): boolean {
    const from = Math.max(0, count - this.#idsMax);
    return ids.length === count - from && ids.every(({ offset }, n) => offset === this.#idOffsets[from + n]);
  }

  #step(): void {
    const fold = this.#fold;
    const record = this.log.records[fold.next];
    if (record === undefined) {
      fold.next++;
      return;
    }
    const told = fold.transitions.length;
    const before = { ...fold.tally };
    const outcome = record.entry.kind === 'outcome' ? record.entry.outcome : undefined;
    const generation = outcome === undefined ? undefined : fold.find(outcome.upstream)?.generation;
    fold.step(record);
    for (const { transition } of fold.transitions.slice(told)) this.transitions.set(nameOf(transition), transition);
    if (fold.ids.at(-1)?.offset === record.offset) this.#idOffsets.push(record.offset);
    if (fold.breakers.length !== this.#snapshots.length || fold.breakers.some(({ next }) => next === fold.next)) this.#snapshots = this.#snapshotsNow();
    this.#moments.set(fold.next, { clockMs: fold.clockMs, control: fold.control, snapshots: this.#snapshots, ids: this.#idOffsets.length });
    if (outcome?.admitted !== undefined && generation === outcome.admitted.generation - 1) this.#checkExpected(outcome, before);
  }

  /** V1: what its version says hasn't changed is what it was. */
  #snapshotsNow(): readonly Snapshot[] {
    const before = new Map(this.#snapshots.map((snapshot) => [snapshot.upstream, snapshot]));
    return this.#fold.result().snapshots.map((snapshot) => (before.get(snapshot.upstream)?.next === snapshot.next ? (before.get(snapshot.upstream) as Snapshot) : snapshot));
  }

  /** G3. The state hasn't moved on. */
  #checkExpected(outcome: Outcome, before: Tally): void {
    const name = callName(outcome);
    if (outcome.admitted?.incarnation !== this.incarnation || this.#expected.get(name) !== true) return;
    const { tally } = this.#fold;
    const isLost = tally.stale > before.stale || tally.whileOpen > before.whileOpen || tally.future > before.future;
    if (isLost) throw new Violation('G3 lease counts', `${name} was not counted, at ${JSON.stringify(this.#fold.find(outcome.upstream))}`);
    this.leased++;
  }
}

/** Of a record of several calls, its oldest's (L4). */
export function callName({ reporter, upstream, admitted, atMs }: Pick<Outcome, 'reporter' | 'upstream' | 'admitted' | 'atMs'>): string {
  return `${reporter} to ${upstream} under ${admitted?.incarnation}/${admitted?.generation}, ended at ${atMs}`;
}

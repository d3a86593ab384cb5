/**
 * The state store: K1 and K2 by the same function as the embedded driver's. It can fall back to an earlier moment or lose
 * everything, and tells its changes to whoever listens (V3).
 */
import type { Claim, Commit, CommitAnswer, OutboxEntry, PartitionMeta, RememberedId, Snapshot } from '#engine';
import { answerTo, metaAfter } from '../../libs/drivers/src/embedded/commit-answer.ts';

/** All there is of a partition at one moment; never changed. */
export interface Held {
  readonly meta?: PartitionMeta & { readonly commitId: string };
  readonly epochs: Readonly<Record<string, number>>;
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  readonly ids: readonly RememberedId[];
  readonly outbox: readonly OutboxEntry[];
}

/** What a commit tells. */
export interface Change {
  readonly partition: number;
  readonly meta: PartitionMeta;
  /** Absent: all was written again, from whatever was there. */
  readonly after?: Pick<PartitionMeta, 'next' | 'sequence'>;
  readonly snapshots: readonly Snapshot[];
}

export interface Taken {
  readonly commit: Commit;
  readonly before: Held;
  readonly held: Held;
}

const EMPTY: Held = { epochs: {}, snapshots: new Map(), ids: [], outbox: [] };
/** Earlier moments that are kept of a partition. */
const MOMENTS_MAX = 24;

export class SimulatedStore {
  readonly answers: Record<CommitAnswer['kind'], number> = { OK: 0, ALREADY: 0, FENCED: 0, AHEAD: 0, REGRESSED: 0 };
  readonly #idsMax: number;
  readonly #onTaken: (taken: Taken) => void;
  readonly #onChange: (change: Change) => void;
  readonly #held: Held[];
  readonly #earlier: Held[][];

  constructor({ partitions, idsMax, onTaken, onChange }: { partitions: number; idsMax: number; onTaken: (taken: Taken) => void; onChange: (change: Change) => void }) {
    this.#idsMax = idsMax;
    this.#onTaken = onTaken;
    this.#onChange = onChange;
    this.#held = Array.from({ length: partitions }, () => EMPTY);
    this.#earlier = Array.from({ length: partitions }, () => []);
  }

  held(partition: number): Held {
    return this.#held[partition] as Held;
  }

  metaOf(partition: number): PartitionMeta | undefined {
    const { meta } = this.held(partition);
    if (meta === undefined) return undefined;
    const { commitId: _, ...told } = meta;
    return told;
  }

  claim(partition: number, group: string): Claim {
    const held = this.held(partition);
    const epoch = (held.epochs[group] ?? 0) + 1;
    this.#put(partition, { ...held, epochs: { ...held.epochs, [group]: epoch } });
    const meta = this.metaOf(partition);
    return { epoch, ...(meta === undefined ? {} : { meta }), snapshots: [...held.snapshots.values()], ids: held.ids, outbox: held.outbox };
  }

  commit(commit: Commit): CommitAnswer {
    const { partition, group } = commit;
    const before = this.held(partition);
    const answer = answerTo(commit, { ...(before.meta === undefined ? {} : { meta: before.meta }), epoch: before.epochs[group] ?? 0 });
    this.answers[answer.kind]++;
    if (answer.kind !== 'OK') return answer;
    const meta = metaAfter(commit, before.meta);
    const isRewrite = commit.rewrite === true;
    const snapshots = new Map(isRewrite ? [] : before.snapshots);
    for (const snapshot of commit.snapshots) snapshots.set(snapshot.upstream, snapshot);
    const ids = (isRewrite ? commit.ids : [...before.ids, ...commit.ids]).slice(-this.#idsMax);
    const outbox = [...before.outbox.filter((entry) => !commit.outbox.some((other) => isSameEntry(entry, other))), ...commit.outbox];
    const held = { ...before, meta: { ...meta, commitId: commit.commitId }, snapshots, ids, outbox };
    this.#put(partition, held);
    this.#onTaken({ commit, before, held });
    const after = isRewrite || before.meta === undefined ? {} : { after: { next: before.meta.next, sequence: before.meta.sequence } };
    this.#onChange({ partition, meta, ...after, snapshots: commit.snapshots });
    return answer;
  }

  published(partition: number, entries: readonly OutboxEntry[]): void {
    const held = this.held(partition);
    this.#put(partition, { ...held, outbox: held.outbox.filter((entry) => !entries.some((other) => isSameEntry(entry, other))) });
  }

  /** As it was so many changes ago. */
  fallBack(partition: number, changes: number): void {
    const earlier = this.#earlier[partition] as Held[];
    const moment = earlier[Math.max(0, earlier.length - changes)];
    if (moment === undefined) return;
    earlier.length = Math.max(0, earlier.length - changes);
    this.#held[partition] = moment;
  }

  flush(): void {
    for (const [partition, earlier] of this.#earlier.entries()) {
      earlier.length = 0;
      this.#held[partition] = EMPTY;
    }
  }

  #put(partition: number, held: Held): void {
    const earlier = this.#earlier[partition] as Held[];
    if (earlier.push(this.held(partition)) > MOMENTS_MAX) earlier.shift();
    this.#held[partition] = held;
  }
}

function isSameEntry(a: OutboxEntry, b: OutboxEntry): boolean {
  const [one, other] = [a.transition, b.transition];
  return a.offset === b.offset && one.incarnation === other.incarnation && one.generation === other.generation && one.upstream === other.upstream;
}

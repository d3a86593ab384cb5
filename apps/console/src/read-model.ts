/**
 * Everything the console knows: the newest snapshot of each upstream (V1) and the documents in force. It answers as of
 * now, so a lease that ran out is shown as closed although nobody said so (T4), and whoever watches hears of that too.
 */
import { isNewer, isSameGeneration, leaseLeftMs, type BreakerState, type DocumentSet, type HolderClocks, type PartitionMeta, type Policy, type Snapshot, type StateUpdate } from '#engine';
import { afterLease, tellsAlike, withWindowAsOf, type BreakerView } from './breaker-view.ts';
import { LeaseTimer } from './lease-timer.ts';
import { SortedNames } from './sorted-names.ts';

export interface BreakerQuery {
  /** Only breakers in this state. */
  readonly state?: BreakerState;
  /** Only names after this one. */
  readonly after?: string;
  /** At least 1. */
  readonly limit: number;
}

export interface BreakerPage {
  readonly breakers: readonly BreakerView[];
  /** There is at least one more. */
  readonly more: boolean;
}

interface Held {
  readonly snapshot: Snapshot;
  readonly partition: number;
  /** T4: when this generation was first seen, by the monotonic clock. */
  readonly firstSeenMs: number;
  /** As listeners were last told. */
  told: Snapshot;
}

/** A partition, as it was last heard of. */
export interface PartitionView {
  readonly partition: number;
  /** Absent: the store has nothing of it. */
  readonly meta?: PartitionMeta;
  /** Since it was last known to be so, ms. */
  readonly ageMs: number;
}

/** Called with the name of an upstream whose state changed; what it is now, the model says. */
export type ChangeListener = (upstream: string) => void;

export class ReadModel {
  readonly #clocks: HolderClocks;
  readonly #held = new Map<string, Held>();
  readonly #names = new SortedNames();
  readonly #partitions = new Map<number, { readonly meta: PartitionMeta | undefined; readonly heardMs: number }>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #countListeners = new Set<ChangeListener>();
  readonly #progress = new Set<() => void>();
  readonly #leases = new LeaseTimer(() => this.#endLeases());
  /** Upstreams whose state has an end. */
  readonly #leased = new Set<string>();
  #policies: ReadonlyMap<string, Policy> = new Map();
  #control = -Infinity;
  /** Of the control log: offsets of another one say nothing. */
  #controlIdentity: string | undefined;

  constructor(clocks: HolderClocks) {
    this.#clocks = clocks;
  }

  /** Never goes back: what isn't newer than what is here is passed over (V1). */
  applyStates({ partition, meta, snapshots, heardMonotonicMs = this.#clocks.monotonicMs() }: StateUpdate): void {
    this.#partitions.set(partition, { meta, heardMs: heardMonotonicMs });
    for (const snapshot of snapshots) this.#take(snapshot, partition);
    for (const listener of this.#progress) listener();
  }

  applyDocuments({ control, identity, documents }: DocumentSet): void {
    if (identity === this.#controlIdentity && control < this.#control) return;
    this.#control = control;
    this.#controlIdentity = identity;
    const breakers = documents.flatMap((document) => (document.kind === 'UpstreamTrafficSetting' && document.breaker ? [document.breaker] : []));
    const before = this.#policies;
    this.#policies = new Map(breakers.map((policy) => [policy.upstream, policy]));
    for (const { upstream, identity: its } of breakers) {
      if (before.get(upstream)?.identity.version !== its.version && this.#held.has(upstream)) this.#call(this.#listeners, upstream);
    }
    for (const listener of this.#progress) listener();
  }

  /** The newest that a document gives it, which may come into force a moment later (C2). */
  policy(upstream: string): Policy | undefined {
    return this.#policies.get(upstream);
  }

  get size(): number {
    return this.#held.size;
  }

  partitions(): readonly PartitionView[] {
    const nowMs = this.#clocks.monotonicMs();
    const views = [...this.#partitions].map(([partition, { meta, heardMs }]) => ({ partition, ...(meta && { meta }), ageMs: nowMs - heardMs }));
    return views.toSorted((a, b) => a.partition - b.partition);
  }

  /** Last control record that a partition has in force; -Infinity: not known. */
  controlOf(partition: number): number {
    return this.#partitions.get(partition)?.meta?.control ?? -Infinity;
  }

  /** Control record up to which the documents here are so; -Infinity: none have come. */
  get documentsControl(): number {
    return this.#control;
  }

  /** Called whenever states or documents come. @returns what ends it */
  onProgress(listener: () => void): () => void {
    this.#progress.add(listener);
    return () => void this.#progress.delete(listener);
  }

  /** V4: why what is here may not be all there is; undefined: it is. */
  get incompleteBecause(): string | undefined {
    if (this.#partitions.size === 0) return 'the states have not been read yet';
    for (const [partition, { meta }] of this.#partitions) {
      if (meta === undefined) return `the store has no states of partition ${partition} yet`;
      if (meta.restoringTo !== undefined) return `the states of partition ${partition} are being restored from the log`;
    }
    return undefined;
  }

  breaker(upstream: string): BreakerView | undefined {
    const held = this.#held.get(upstream);
    return held && this.#view(held);
  }

  /** As `breaker` would say, and for less. */
  isOpen(upstream: string): boolean {
    const held = this.#held.get(upstream);
    return held !== undefined && held.snapshot.state === 'open' && this.#view(held).snapshot.state === 'open';
  }

  /** In the order of their names. */
  breakers({ state, after, limit }: BreakerQuery): BreakerPage {
    const breakers: BreakerView[] = [];
    for (const name of this.#names.after(after)) {
      const view = this.breaker(name);
      if (view === undefined || (state !== undefined && view.snapshot.state !== state)) continue;
      if (breakers.length === limit) return { breakers, more: true };
      breakers.push(view);
    }
    return { breakers, more: false };
  }

  /** For who asked for one that isn't there: the name that begins most like it. */
  nameLike(upstream: string): string | undefined {
    return this.#names.like(upstream.toLowerCase());
  }

  names(): Iterable<string> {
    return this.#names.after(undefined);
  }

  /** @returns what ends it */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Each time that one is heard of, and so its counts may have changed. @returns what ends it */
  onCounts(listener: ChangeListener): () => void {
    this.#countListeners.add(listener);
    return () => void this.#countListeners.delete(listener);
  }

  close(): void {
    this.#leases.stop();
    this.#listeners.clear();
    this.#countListeners.clear();
  }

  #take(snapshot: Snapshot, partition: number): void {
    const { upstream } = snapshot;
    const before = this.#held.get(upstream);
    if (before !== undefined && !isNewer(snapshot, before.snapshot)) return;
    const isSame = before !== undefined && isSameGeneration(snapshot, before.snapshot);
    const firstSeenMs = isSame ? before.firstSeenMs : this.#clocks.monotonicMs();
    const held: Held = { snapshot, partition, firstSeenMs, told: before?.told ?? snapshot };
    this.#held.set(upstream, held);
    if (before === undefined) this.#names.add(upstream);
    this.#watchLease(held);
    this.#tell(held, before === undefined);
    this.#call(this.#countListeners, upstream);
  }

  #view({ snapshot, partition, firstSeenMs }: Held): BreakerView {
    const asOfNow = leaseLeftMs(snapshot, firstSeenMs, this.#clocks) > 0 ? snapshot : afterLease(snapshot);
    return { snapshot: withWindowAsOf(asOfNow, this.#clocks.nowMs(), this.#policies.get(snapshot.upstream)?.statTimeWindowMs), partition };
  }

  #watchLease({ snapshot, firstSeenMs }: Held): void {
    const leftMs = leaseLeftMs(snapshot, firstSeenMs, this.#clocks);
    if (leftMs === Infinity) return void this.#leased.delete(snapshot.upstream);
    this.#leased.add(snapshot.upstream);
    this.#leases.within(leftMs, this.#clocks.monotonicMs());
  }

  #endLeases(): void {
    for (const upstream of this.#leased) {
      const held = this.#held.get(upstream);
      if (held === undefined) continue;
      const leftMs = leaseLeftMs(held.snapshot, held.firstSeenMs, this.#clocks);
      if (leftMs > 0) {
        this.#leases.within(leftMs, this.#clocks.monotonicMs());
        continue;
      }
      this.#leased.delete(upstream);
      this.#tell(held, false);
    }
  }

  #tell(held: Held, isNew: boolean): void {
    const { snapshot } = this.#view(held);
    if (!isNew && tellsAlike(held.told, snapshot)) return;
    held.told = snapshot;
    this.#call(this.#listeners, snapshot.upstream);
  }

  #call(listeners: ReadonlySet<ChangeListener>, upstream: string): void {
    for (const listener of listeners) listener(upstream);
  }
}

/**
 * A proxy's memory of every state it needs. Updates come in from the feeds; `decide` asks nobody and allocates nothing
 * (V5): each upstream has its decisions made ahead, and only a running lease needs a clock. That is the monotonic one
 * alone: where the lease ends by it is worked out when the state comes, and again with each update, about each second,
 * so that a correction of the wall clock (T2) is followed.
 */
import type { Document } from './control.ts';
import type { Admit, Decision } from './decision.ts';
import type { HolderClocks } from './lease.ts';
import { leaseLeftMs } from './lease.ts';
import type { DegradedAnswer, Policy } from './policy.ts';
import type { DocumentSet, PartitionMeta, StateUpdate } from './ports.ts';
import type { Snapshot } from './snapshot.ts';
import { isNewer, isSameGeneration } from './snapshot.ts';

/** What is known of one upstream, and what follows from it. */
interface Known {
  snapshot: Snapshot;
  /** T4: when this generation was first seen, by the monotonic clock. */
  firstSeenMs: number;
  decision: Decision;
  /** G3: once the lease is over. */
  afterLease: Decision;
  /** T4: end of the lease by the monotonic clock; Infinity: it has none. */
  untilMonotonicMs: number;
}

interface PartitionState {
  readonly meta: PartitionMeta | undefined;
  /** By the monotonic clock. */
  readonly heardMs: number;
  /** Of a store that is being restored; by upstream, the newest. */
  readonly heldBack: Map<string, Snapshot>;
}

/** Nothing is known, so nothing is refused and nothing stamped (G3, V4). */
const UNKNOWN: Admit = Object.freeze({ kind: 'admit' });

/** Used where a state says open and its document isn't here yet. */
const DEFAULT_ANSWER: DegradedAnswer = Object.freeze({ statusCode: 409, content: 'Coming soon ...' });

export class StateCache {
  readonly #clocks: HolderClocks;
  readonly #known = new Map<string, Known>();
  /** Those of them whose state has an end. */
  readonly #leases = new Map<string, Known>();
  readonly #policies = new Map<string, Policy>();
  readonly #partitions = new Map<number, PartitionState>();
  #documents: DocumentSet | undefined;

  constructor(clocks: HolderClocks) {
    this.#clocks = clocks;
  }

  decide(upstream: string): Decision {
    const known = this.#known.get(upstream);
    if (known === undefined) return UNKNOWN;
    if (known.untilMonotonicMs === Infinity) return known.decision;
    return this.#clocks.monotonicMs() >= known.untilMonotonicMs ? known.afterLease : known.decision;
  }

  /**
   * Never goes back: a snapshot that isn't newer than the one here is passed over (V1). Those of a store that is still
   * being restored are held back until it is whole: until then its states are unknown, and what is known stays (V4).
   */
  applyStates({ partition, meta, snapshots }: StateUpdate): void {
    const heardMs = this.#clocks.monotonicMs();
    const heldBack = this.#partitions.get(partition)?.heldBack ?? new Map<string, Snapshot>();
    for (const snapshot of snapshots) heldBack.set(snapshot.upstream, snapshot);
    this.#partitions.set(partition, { meta, heardMs, heldBack });
    if (isWhole(meta)) {
      for (const snapshot of heldBack.values()) this.#hear(snapshot, heardMs);
      heldBack.clear();
    }
    for (const known of this.#leases.values()) known.untilMonotonicMs = this.#leaseEndMs(known);
  }

  /** V2. */
  applyDocuments(documents: DocumentSet): void {
    if (this.#documents !== undefined && documents.control < this.#documents.control) return;
    this.#documents = documents;
    this.#policies.clear();
    for (const policy of documents.documents.flatMap(breakerOf)) this.#policies.set(policy.upstream, policy);
    for (const { snapshot, firstSeenMs } of this.#known.values()) this.#know(snapshot, firstSeenMs);
  }

  /** Documents have come, and every partition heard of is known and whole (V4). */
  get isReady(): boolean {
    if (this.#documents === undefined || this.#partitions.size === 0) return false;
    return [...this.#partitions.values()].every(({ meta }) => isWhole(meta));
  }

  /** Age of the oldest partition's last sign of life, ms; Infinity before the first. */
  get stateAgeMs(): number {
    if (this.#partitions.size === 0) return Infinity;
    const now = this.#clocks.monotonicMs();
    return Math.max(...[...this.#partitions.values()].map(({ heardMs }) => now - heardMs));
  }

  #hear(snapshot: Snapshot, heardMs: number): void {
    const before = this.#known.get(snapshot.upstream);
    if (before !== undefined && !isNewer(snapshot, before.snapshot)) return;
    const isSame = before !== undefined && isSameGeneration(snapshot, before.snapshot);
    this.#know(snapshot, isSame ? before.firstSeenMs : heardMs);
  }

  #know(snapshot: Snapshot, firstSeenMs: number): void {
    const { upstream, incarnation, generation, untilMs } = snapshot;
    const policy = this.#policies.get(upstream);
    const decision = this.#decisionOf(snapshot, policy);
    const afterLease = admit(incarnation, generation + 1, policy);
    const known: Known = { snapshot, firstSeenMs, decision, afterLease, untilMonotonicMs: Infinity };
    known.untilMonotonicMs = this.#leaseEndMs(known);
    this.#known.set(upstream, known);
    if (untilMs === undefined) this.#leases.delete(upstream);
    else this.#leases.set(upstream, known);
  }

  /** By the monotonic clock. */
  #leaseEndMs({ snapshot, firstSeenMs }: Known): number {
    return this.#clocks.monotonicMs() + leaseLeftMs(snapshot, firstSeenMs, this.#clocks);
  }

  #decisionOf({ incarnation, generation, admit: share, untilMs }: Snapshot, policy: Policy | undefined): Decision {
    // The document is gone: what is left of the state refuses nobody while its deletion is on the way (C3).
    const isPoliced = policy !== undefined || this.#documents === undefined;
    if (share > 0 || !isPoliced) return admit(incarnation, generation, policy);
    const degraded = policy?.degraded ?? DEFAULT_ANSWER;
    return Object.freeze({ kind: 'refuse', degraded, ...(untilMs === undefined ? {} : { untilMs }) });
  }
}

function admit(incarnation: number, generation: number, policy: Policy | undefined): Admit {
  const admitted = Object.freeze({ incarnation, generation });
  return Object.freeze({
    kind: 'admit',
    admitted,
    ...(policy === undefined ? {} : { slowTimeThresholdMs: policy.slowTimeThresholdMs }),
  });
}

function isWhole(meta: PartitionMeta | undefined): boolean {
  return meta !== undefined && meta.restoringTo === undefined;
}

function breakerOf(document: Document): Policy[] {
  return document.kind === 'UpstreamTrafficSetting' && document.breaker !== undefined ? [document.breaker] : [];
}

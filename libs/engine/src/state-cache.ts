/**
 * A proxy's memory of every state it needs. Updates come in from the feeds; `decide` asks nobody and allocates nothing
 * (V5): each upstream has its decisions made ahead, and only a running lease needs a clock.
 */
import type { Document } from './control.ts';
import type { Admit, Decision } from './decision.ts';
import type { DegradedAnswer, Policy } from './policy.ts';
import type { DocumentSet, PartitionMeta, StateUpdate } from './ports.ts';
import type { Snapshot } from './snapshot.ts';
import { isNewer } from './snapshot.ts';

export interface CacheClocks {
  /** The log's clock as known here, ms since 1970 (log-clock.ts). */
  readonly nowMs: () => number;
  /** Never set back, ms. */
  readonly monotonicMs: () => number;
}

/** What is known of one upstream, and what follows from it. */
interface Known {
  snapshot: Snapshot;
  /** T4: when this generation was first seen, by the monotonic clock. */
  firstSeenMs: number;
  decision: Decision;
  /** G3: once the lease is over. */
  afterLease: Decision;
  /** End of the lease by the log's clock; Infinity: it has none. */
  untilMs: number;
  /** End of the lease by the monotonic clock: its length after it was first seen. */
  untilMonotonicMs: number;
}

/** Nothing is known, so nothing is refused and nothing stamped (G3, V4). */
const UNKNOWN: Admit = Object.freeze({ kind: 'admit' });

/** Used where a state says open and its document isn't here yet. */
const DEFAULT_ANSWER: DegradedAnswer = Object.freeze({ statusCode: 409, content: 'Coming soon ...' });

export class StateCache {
  readonly #clocks: CacheClocks;
  readonly #known = new Map<string, Known>();
  readonly #policies = new Map<string, Policy>();
  readonly #partitions = new Map<number, { meta: PartitionMeta | undefined; heardMs: number }>();
  #documents: DocumentSet | undefined;

  constructor(clocks: CacheClocks) {
    this.#clocks = clocks;
  }

  decide(upstream: string): Decision {
    const known = this.#known.get(upstream);
    if (known === undefined) return UNKNOWN;
    if (known.untilMs === Infinity) return known.decision;
    const { nowMs, monotonicMs } = this.#clocks;
    const isOver = nowMs() >= known.untilMs || monotonicMs() >= known.untilMonotonicMs;
    return isOver ? known.afterLease : known.decision;
  }

  /** Never goes back: a snapshot that isn't newer than the one here is passed over (V1). */
  applyStates({ partition, meta, snapshots }: StateUpdate): void {
    const heardMs = this.#clocks.monotonicMs();
    this.#partitions.set(partition, { meta, heardMs });
    for (const snapshot of snapshots) {
      const before = this.#known.get(snapshot.upstream);
      if (before !== undefined && !isNewer(snapshot, before.snapshot)) continue;
      const firstSeenMs = before !== undefined && isSameLease(before.snapshot, snapshot) ? before.firstSeenMs : heardMs;
      this.#known.set(snapshot.upstream, this.#knownOf(snapshot, firstSeenMs));
    }
  }

  /** V2. */
  applyDocuments(documents: DocumentSet): void {
    if (this.#documents !== undefined && documents.control < this.#documents.control) return;
    this.#documents = documents;
    this.#policies.clear();
    for (const policy of documents.documents.flatMap(breakerOf)) this.#policies.set(policy.upstream, policy);
    for (const [upstream, { snapshot, firstSeenMs }] of this.#known) {
      this.#known.set(upstream, this.#knownOf(snapshot, firstSeenMs));
    }
  }

  /** Documents have come, and every partition heard of is known and whole (V4). */
  get isReady(): boolean {
    if (this.#documents === undefined || this.#partitions.size === 0) return false;
    return [...this.#partitions.values()].every(({ meta }) => meta !== undefined && meta.restoringTo === undefined);
  }

  /** Age of the oldest partition's last sign of life, ms; Infinity before the first. */
  get stateAgeMs(): number {
    if (this.#partitions.size === 0) return Infinity;
    const now = this.#clocks.monotonicMs();
    return Math.max(...[...this.#partitions.values()].map(({ heardMs }) => now - heardMs));
  }

  #knownOf(snapshot: Snapshot, firstSeenMs: number): Known {
    const { untilMs, sinceMs } = snapshot;
    const policy = this.#policies.get(snapshot.upstream);
    return {
      snapshot,
      firstSeenMs,
      decision: this.#decisionOf(snapshot, policy),
      afterLease: admit(snapshot.incarnation, snapshot.generation + 1, policy),
      untilMs: untilMs ?? Infinity,
      untilMonotonicMs: untilMs === undefined ? Infinity : firstSeenMs + Math.max(0, untilMs - sinceMs),
    };
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

function isSameLease(a: Snapshot, b: Snapshot): boolean {
  return a.incarnation === b.incarnation && a.generation === b.generation;
}

function breakerOf(document: Document): Policy[] {
  return document.kind === 'UpstreamTrafficSetting' && document.breaker !== undefined ? [document.breaker] : [];
}

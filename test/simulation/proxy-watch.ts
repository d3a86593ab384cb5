/**
 * What a proxy may do, worked out again from what it was given: the newest snapshot by version, its lease by two clocks,
 * and what it saw itself. A cache works a lease out when it hears something; so both that moment and the present count.
 */
import { isError, type Call, type Decision, type DocumentSet, type PartitionMeta, type Policy, type Snapshot, type StateUpdate } from '#engine';
import { Violation } from './invariants.ts';
import type { World } from './world.ts';

interface Seen {
  readonly snapshot: Snapshot;
  readonly firstSeenMs: number;
  /** By the monotonic clock, as worked out when something was last heard, or at one of the moments since at which a cache may do so again. */
  ends: { readonly firstMs: number; readonly lastMs: number };
}

interface Heard {
  meta: PartitionMeta | undefined;
  atMs: number;
  isKnown: boolean;
  readonly heldBack: Map<string, Snapshot>;
}

export interface WatchOptions {
  readonly name: string;
  readonly world: World;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
}

/** V7: how long an opening of its own may last, ms. */
const PROVISIONAL_MAX_MS = 1_000;
/** G2. */
const TOLERANCE_MS = 5_000;
/** Brokers and store are off by a second each at most, and the store says nothing below a second (T2). */
const CLOCKS_OFF_MS = 3_500;

export class ProxyWatch {
  readonly #options: WatchOptions;
  readonly #seen = new Map<string, Seen>();
  readonly #heard: Heard[];
  #policies: ReadonlyMap<string, Policy> | undefined;
  /** Own calls that counted against an upstream. */
  readonly #bad = new Map<string, number>();
  /** V7: when an own call was last judged while they were as many as an amount says. */
  readonly #reachedMs = new Map<string, number>();
  #isClockCorrected = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#heard = Array.from({ length: options.world.profile.partitions }, () => ({ meta: undefined, atMs: -Infinity, isKnown: false, heldBack: new Map() }));
  }

  /** The newest that it was given of this upstream. */
  newest(upstream: string): Snapshot | undefined {
    return this.#seen.get(upstream)?.snapshot;
  }

  hear({ partition, meta, snapshots }: StateUpdate): void {
    const heard = this.#heard[partition] as Heard;
    heard.meta = meta;
    heard.atMs = this.#options.monotonicMs();
    for (const snapshot of snapshots) if (isLater(snapshot, heard.heldBack.get(snapshot.upstream))) heard.heldBack.set(snapshot.upstream, snapshot);
    this.pulse();
    if (isWhole(meta)) {
      for (const snapshot of heard.heldBack.values()) this.#see(snapshot);
      heard.heldBack.clear();
    }
    this.#workOut((upstream) => this.#options.world.partitionOf(upstream) === partition);
  }

  hearDocuments({ documents }: DocumentSet): void {
    this.#policies = new Map(documents.flatMap((document) => (document.kind === 'UpstreamTrafficSetting' && document.breaker !== undefined ? [[document.upstream, document.breaker]] : [])));
    this.#workOut(() => true);
  }

  pulse(): void {
    this.#mayWorkOut();
    for (const [partition, heard] of this.#heard.entries()) {
      const isKnown = isWhole(heard.meta) && this.#options.monotonicMs() - heard.atMs <= this.#options.world.profile.stateMaxAgeMs;
      if (isKnown === heard.isKnown) continue;
      heard.isKnown = isKnown;
      this.#workOut((upstream) => this.#options.world.partitionOf(upstream) === partition);
    }
  }

  /** An own call has ended. */
  judged({ upstream, result, durationMs = 0 }: Call): void {
    this.#mayWorkOut();
    const policy = this.#policies?.get(upstream);
    if (policy === undefined) return;
    const isBad = isError(result) || durationMs >= policy.slowTimeThresholdMs;
    const bad = (this.#bad.get(upstream) ?? 0) + (isBad ? 1 : 0);
    this.#bad.set(upstream, bad);
    // A good one too: it is judged by a policy that came since (C3).
    const amounts = [policy.errorAmountThreshold, policy.slowAmountThreshold].filter((amount) => amount > 0);
    if (bad >= Math.min(...amounts)) this.#reachedMs.set(upstream, this.#options.monotonicMs());
  }

  /** One of the fleet's. */
  clockHeard(): void {
    this.#isClockCorrected = true;
  }

  /** @returns whether the call must count (G3) */
  check(upstream: string, decision: Decision): boolean {
    this.#checkClock();
    const seen = this.#seen.get(upstream);
    const isPoliced = this.#policies === undefined || this.#policies.has(upstream);
    const isRefusing = isPoliced && seen?.snapshot.admit === 0;
    if (decision.kind === 'refuse') {
      this.#checkEnforced(upstream, seen?.snapshot);
      if (!isRefusing || seen === undefined || this.#isOver(seen, 'surely')) this.#checkCause(upstream, isRefusing ? seen : undefined);
      return false;
    }
    if (isRefusing && seen !== undefined && !this.#isOver(seen, 'maybe')) throw new Violation('V5 open refuses', `${this.#who(upstream)} let a call through at ${this.#options.nowMs()} under ${JSON.stringify(seen.snapshot)}`);
    return this.#checkStamp(upstream, decision.admitted, seen);
  }

  #checkStamp(upstream: string, admitted: { incarnation: number; generation: number } | undefined, seen: Seen | undefined): boolean {
    const stamp = admitted === undefined ? 'nothing' : `${admitted.incarnation}/${admitted.generation}`;
    const { world } = this.#options;
    const may: string[] = [];
    if (seen === undefined) may.push('nothing');
    else {
      const { incarnation, generation } = seen.snapshot;
      if (!this.#isOver(seen, 'surely')) may.push(`${incarnation}/${generation}`);
      if (this.#isOver(seen, 'maybe')) may.push(`${incarnation}/${generation + 1}`);
    }
    if (!may.includes(stamp)) throw new Violation('V1 never back', `${this.#who(upstream)} stamped ${stamp}, and had to stamp ${may.join(' or ')} under ${JSON.stringify(seen?.snapshot)}`);
    if (seen === undefined || admitted === undefined || admitted.generation === seen.snapshot.generation) return false;
    const { sinceMs, untilMs = 0 } = seen.snapshot;
    world.count('admitted under a lease that was over');
    // By the slowest of the brokers, and with none that was ever wrong by a minute.
    return world.leastClockMs >= untilMs - Math.min(TOLERANCE_MS, (untilMs - sinceMs) / 2);
  }

  /** C4. The document may be here before the state that it makes, or behind it. */
  #checkEnforced(upstream: string, snapshot: Snapshot | undefined): void {
    const isHeldBack = this.#policies?.get(upstream)?.identity.enforced === false;
    const isByHand = snapshot?.override !== undefined;
    if (!isHeldBack || isByHand || (snapshot?.admit === 0 && snapshot.policy?.enforced !== false)) return;
    throw new Violation('C4 unenforced refuses nothing', `${this.#who(upstream)} refused a call at ${this.#options.nowMs()} under ${JSON.stringify(snapshot)}`);
  }

  /** V4, V7. `seen`: it would refuse, were its lease not over. */
  #checkCause(upstream: string, seen: Seen | undefined): void {
    const { world, monotonicMs } = this.#options;
    const policy = this.#policies?.get(upstream);
    if (policy !== undefined && (this.#bad.get(upstream) ?? 0) > 0) {
      if (!(this.#heard[world.partitionOf(upstream)] as Heard).isKnown) return world.count('refused by the proxy alone');
      if ((this.#reachedMs.get(upstream) ?? -Infinity) >= monotonicMs() - PROVISIONAL_MAX_MS) return world.count('refused provisionally');
    }
    const left = seen === undefined ? this.#seen.get(upstream) : seen;
    throw new Violation(seen === undefined ? 'V4 V7 without cause' : 'T4 past its lease', `${this.#who(upstream)} refused a call at ${this.#options.nowMs()} under ${JSON.stringify(left?.snapshot)}`);
  }

  /** T2. */
  #checkClock(): void {
    const { world, name, nowMs } = this.#options;
    const offMs = nowMs() - world.scheduler.nowMs;
    if (!this.#isClockCorrected || world.hasJumped || Math.abs(offMs) <= CLOCKS_OFF_MS + world.slowestRoundTripMs) return;
    throw new Violation('T2 corrected', `${name}’s clock is off by ${offMs} ms`);
  }

  #who(upstream: string): string {
    return `${this.#options.name}, asked about ${upstream},`;
  }

  #see(snapshot: Snapshot): void {
    const before = this.#seen.get(snapshot.upstream);
    if (!isLater(snapshot, before?.snapshot)) return;
    this.#options.world.believed(this.#options.name, snapshot);
    const isSame = before?.snapshot.incarnation === snapshot.incarnation && before.snapshot.generation === snapshot.generation;
    this.#seen.set(snapshot.upstream, { snapshot, firstSeenMs: isSame ? before.firstSeenMs : this.#options.monotonicMs(), ends: { firstMs: Infinity, lastMs: Infinity } });
  }

  #workOut(isConcerned: (upstream: string) => boolean): void {
    for (const [upstream, seen] of this.#seen) if (isConcerned(upstream)) seen.ends = { firstMs: this.#endMs(seen), lastMs: this.#endMs(seen) };
  }

  #mayWorkOut(): void {
    for (const seen of this.#seen.values()) {
      const [endMs, { firstMs, lastMs }] = [this.#endMs(seen), seen.ends];
      seen.ends = { firstMs: Math.min(firstMs, endMs), lastMs: Math.max(lastMs, endMs) };
    }
  }

  #endMs(seen: Seen): number {
    return this.#options.monotonicMs() + this.#leftMs(seen);
  }

  /** T4. */
  #leftMs({ snapshot: { sinceMs, untilMs }, firstSeenMs }: Seen): number {
    if (untilMs === undefined) return Infinity;
    return Math.min(untilMs - this.#options.nowMs(), firstSeenMs + Math.max(0, untilMs - sinceMs) - this.#options.monotonicMs());
  }

  #isOver(seen: Seen, how: 'surely' | 'maybe'): boolean {
    const { firstMs, lastMs } = seen.ends;
    const isOverNow = this.#leftMs(seen) <= 0;
    return how === 'surely' ? this.#options.monotonicMs() >= lastMs && isOverNow : this.#options.monotonicMs() >= firstMs || isOverNow;
  }
}

/** V1. */
function isLater(a: Snapshot, b: Snapshot | undefined): boolean {
  return b === undefined || a.incarnation > b.incarnation || (a.incarnation === b.incarnation && a.next > b.next);
}

function isWhole(meta: PartitionMeta | undefined): boolean {
  return meta !== undefined && meta.restoringTo === undefined;
}

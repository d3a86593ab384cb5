/**
 * A proxy's memory of every state it needs. Updates come in from the feeds; `decide` asks nobody and allocates nothing
 * (V5): each upstream has its decision made ahead, or, while nobody calls it and it is closed for good, at its first call
 * (dormant.ts); and only a running lease needs a clock. That is the monotonic one alone: where the lease ends by it is
 * worked out when the state comes, and again with each update, about each second, so that a correction of the wall clock
 * (T2) is followed.
 *
 * While a partition is unknown or old, what is known of it stays, and beside it the proxy judges its own calls (V4).
 * While it is known, the proxy's own calls can only refuse for a moment, ahead of the fleet's word (V7).
 */
import { sizeOf } from './alike-settings.ts';
import type { Admit, Decision, Ground, Refuse } from './decision.ts';
import { quietAt, type PolicyHeld } from './dormant.ts';
import { holdBack, isOfUse, isWhole, UNKNOWN, type Known, type Partition } from './known.ts';
import { KnownUpstreams } from './known-upstreams.ts';
import type { HolderClocks } from './lease.ts';
import { leaseLeftMs } from './lease.ts';
import { FIRST_GENERATION, LocalBreakers, type PolicedSetting } from './local-breakers.ts';
import { heardOf, SeenStates, type Heard, type Seen } from './seen.ts';
import { settingOf, SharedPolicies, type SharedPolicy } from './shared-policies.ts';
import type { Admission } from './outcome.ts';
import { OwnOutcomes, type ProvisionalVerdict } from './own-outcomes.ts';
import { measuresAlike, opensByAmount, type DegradedAnswer } from './policy.ts';
import type { DocumentSet, QuietStates, StateUpdate } from './ports.ts';
import type { Call } from './reporter.ts';
import { isNewer, isSameGeneration } from './snapshot.ts';

export interface StateCacheOptions extends HolderClocks {
  /** How many there are (L2). */
  readonly partitions: number;
  /** Asked once for each upstream. */
  readonly partitionOf: (upstream: string) => number;
  /** V4: a partition not heard of for longer is old, ms. */
  readonly stateMaxAgeMs: number;
}

/** Used where a state says open and its document isn't here yet. */
const DEFAULT_ANSWER: DegradedAnswer = Object.freeze({ statusCode: 409, content: 'Coming soon ...' });

export class StateCache {
  readonly #options: StateCacheOptions;
  readonly #known: KnownUpstreams;
  readonly #partitions: readonly Partition[];
  /** V7: those that are open by their own outcomes. */
  readonly #provisional = new Set<Known>();
  readonly #verdicts: Record<ProvisionalVerdict, number> = { agreed: 0, none: 0, other: 0 };
  #documents: Pick<DocumentSet, 'identity' | 'control'> | undefined;
  /** Made last: most upstreams are decided alike. */
  #admitted: Admit = UNKNOWN;
  readonly #seen = new SeenStates();
  #policies = new SharedPolicies();
  #judgements = 0;

  /** Nothing is known yet, so every partition is judged locally. */
  constructor(options: StateCacheOptions) {
    this.#options = options;
    this.#known = new KnownUpstreams({
      partitionOf: (upstream) => this.#partitions[options.partitionOf(upstream)] as Partition,
      seen: this.#seen,
      onWoken: (known) => {
        this.#seeLocal(known);
        this.#decideAnew(known);
      },
    });
    this.#partitions = Array.from({ length: options.partitions }, () => ({ meta: undefined, heardMs: -Infinity, heldBack: new Map(), members: [], leased: new Set(), steady: undefined, local: undefined }));
    for (const partition of this.#partitions) partition.local = this.#newJudgement();
  }

  decide(upstream: string): Decision {
    const known = this.#known.find(upstream);
    if (known === undefined) return UNKNOWN;
    if (known.untilMonotonicMs !== undefined && this.#options.monotonicMs() >= known.untilMonotonicMs) this.#decideAnew(known);
    return known.decision;
  }

  /** What `decision`, as `decide` has just given it, was made on. Slower than deciding: for the calls that somebody looks at. */
  groundOf(upstream: string, decision: Decision): Ground {
    const known = this.#known.find(upstream);
    if (known === undefined) return { state: 'unknown', judgedBy: 'nobody' };
    const policy = known.policy === undefined ? {} : { policy: `${known.namespace}/${known.name}` };
    return { ...this.#judgedBy(known, decision), ...policy };
  }

  #judgedBy({ partition, shared, local, policy }: Known, { kind }: Decision): Ground {
    const refusing = kind === 'refuse' ? [shared, local].find((seen) => seen !== undefined && this.#refuses(seen)) : undefined;
    if (kind === 'refuse' && refusing === undefined) return { judgedBy: 'own-amounts', ...this.#stateOf(shared) };
    const isOwn = refusing === undefined ? partition.local !== undefined && policy !== undefined : refusing === local;
    if (!isOwn) return { judgedBy: shared === undefined ? 'nobody' : 'fleet', ...this.#stateOf(shared) };
    return { judgedBy: 'proxy', ...(local === undefined ? { state: 'closed', generation: FIRST_GENERATION } : this.#stateOf(local)) };
  }

  /** G3, T4: a lease that is over has ended its state. */
  #stateOf(seen: Seen | undefined): Pick<Ground, 'state' | 'generation'> {
    if (seen === undefined) return { state: 'unknown' };
    const { generation } = this.#stamp(seen) as Admission;
    return { state: this.#leftMs(seen) > 0 ? seen.state : 'closed', generation };
  }

  /** What became of a call that `decide` let through (V4, V7). */
  judge(call: Call): void {
    const known = this.#known.get(call.upstream);
    if (known === undefined) return;
    const { local } = known.partition;
    if (local === undefined) return this.#countOwn(known, call);
    if (call.local === undefined || !local.judge(call, call.local)) return;
    this.#seeLocal(known);
    this.#decideAnew(known);
  }

  /** To be called each 100 ms or so: notices partitions that have become old (V4), and what ended with no call (V7). */
  pulse(): void {
    for (const partition of this.#partitions) this.#chooseJudge(partition);
    for (const known of this.#provisional) this.#decideAnew(known);
  }

  /**
   * Never goes back: a snapshot that isn't newer than the one here is passed over (V1). Those of a store that is still
   * being restored are held back until it is whole: until then its states are unknown, and what is known stays (V4).
   * Where others passed the store's word on, the latest one counts, and its age counts from the store.
   */
  applyStates({ partition: number, meta, snapshots, quiet, heardMonotonicMs: heardMs = this.#options.monotonicMs() }: StateUpdate): void {
    const partition = this.#partitions[number];
    if (partition === undefined) throw new Error(`assertion: partition ${number} of ${this.#partitions.length}`);
    if (heardMs >= partition.heardMs) {
      partition.meta = meta;
      partition.heardMs = heardMs;
    }
    this.#chooseJudge(partition);
    if (isWhole(partition.meta)) {
      const atMs = this.#options.monotonicMs();
      for (const heard of partition.heldBack.values()) this.#hear(heard, partition, atMs);
      partition.heldBack.clear();
      for (const snapshot of snapshots) this.#hear(heardOf(snapshot), partition, atMs);
      if (quiet !== undefined) this.#known.hearAll(quiet, (index) => this.#hear(quietAt(quiet, index), partition, atMs));
    } else {
      for (const snapshot of snapshots) holdBack(heardOf(snapshot), partition);
      for (let index = 0; index < (quiet?.size ?? 0); index++) holdBack(quietAt(quiet as QuietStates, index), partition);
    }
    for (const known of partition.leased) this.#decideAnew(known);
  }

  /** V2. @returns false: passed over, since it is older than what is here of the same control log. */
  applyDocuments(documents: DocumentSet): boolean {
    const before = this.#documents;
    if (before !== undefined && before.identity === documents.identity && documents.control < before.control) return false;
    this.#documents = { control: documents.control, ...(documents.identity === undefined ? {} : { identity: documents.identity }) };
    this.#policies = new SharedPolicies(this.#policies);
    this.#known.unpoliceAll(sizeOf(documents));
    for (const document of documents.documents) {
      if (document.kind !== 'UpstreamTrafficSetting') continue;
      const { upstream, breaker, name, namespace } = document;
      if (breaker === undefined) continue;
      const held = { policy: this.#policies.of(breaker), name, namespace };
      const known = this.#known.police(upstream, held);
      if (known !== undefined) this.#police(known, held);
    }
    for (const group of documents.alike ?? []) {
      const { breaker } = group.like;
      if (breaker !== undefined) this.#known.policeAll(group, this.#policies.of(breaker), (known, held) => this.#police(known, held));
    }
    let isAnyForgotten = false;
    for (const known of this.#known.awake()) if (known.name === '' && !this.#unpolice(known)) isAnyForgotten = true;
    for (const partition of this.#partitions) {
      partition.steady = undefined;
      if (isAnyForgotten) partition.members = partition.members.filter(isOfUse);
    }
    for (const { local } of this.#partitions) local?.settingsChanged();
    for (const known of this.#known.awake()) {
      this.#seeLocal(known);
      this.#decideAnew(known);
    }
    return true;
  }

  /** V4: partitions that are unknown or old, as of the last pulse. */
  get judgedLocally(): number {
    return this.#partitions.filter(({ local }) => local !== undefined).length;
  }

  /** V4: upstreams that are refused by this proxy's own judgement. */
  get openLocally(): number {
    return [...this.#known.awake()].filter(({ local }) => local !== undefined && this.#refuses(local)).length;
  }

  /** V7: how many of this proxy's provisional openings ended so. */
  get provisionalVerdicts(): Readonly<Record<ProvisionalVerdict, number>> {
    return this.#verdicts;
  }

  /** Age of the oldest partition's last sign of life, ms; Infinity: one was never heard of. */
  get stateAgeMs(): number {
    const now = this.#options.monotonicMs();
    return Math.max(...this.#partitions.map(({ heardMs }) => now - heardMs));
  }

  #newJudgement(): LocalBreakers {
    const policed = (upstream: string): PolicedSetting | undefined => {
      const known = this.#known.find(upstream);
      return known?.policy && settingOf(known.policy, known);
    };
    return new LocalBreakers({ incarnation: ++this.#judgements, nowMs: this.#options.nowMs, settingOf: policed });
  }

  /** What was judged locally is dropped as soon as the shared state is known, and begins anew the next time. */
  #chooseJudge(partition: Partition): void {
    const isKnown = isWhole(partition.meta) && this.#options.monotonicMs() - partition.heardMs <= this.#options.stateMaxAgeMs;
    if (isKnown === (partition.local === undefined)) return;
    partition.local = isKnown ? undefined : this.#newJudgement();
    partition.steady = undefined;
    for (const known of partition.members) {
      known.local = undefined;
      this.#endProvisional(known, 'other');
      this.#decideAnew(known);
    }
  }

  #hear(heard: Heard, partition: Partition, atMs: number): void {
    const known = this.#known.hear(heard, partition);
    if (known === undefined) return;
    const before = known.shared;
    if (before !== undefined && !isNewer(heard, { incarnation: before.incarnation, next: known.next })) return;
    known.shared = this.#seen.of(heard, before, atMs);
    known.next = heard.next;
    if (known.own?.isAnsweredBy(heard) === true) this.#endProvisional(known, heard.admit === 0 ? 'agreed' : 'other');
    this.#decideAnew(known);
  }

  /** C3, V7: a change of what is measured begins an empty window. */
  #police(known: Known, { policy, name, namespace }: PolicyHeld): void {
    const before = known.policy;
    known.policy = policy;
    known.name = name;
    known.namespace = namespace;
    if (!opensByAmount(policy)) this.#endProvisional(known, 'other');
    if (before === undefined || !measuresAlike(policy, before)) known.own?.empty();
  }

  /** C3, V7: without a policy nothing is counted. @returns false: it is forgotten. */
  #unpolice(known: Known): boolean {
    known.policy = undefined;
    known.namespace = '';
    this.#endProvisional(known, 'other');
    known.own?.empty();
    if (isOfUse(known)) return true;
    this.#known.forget(known);
    known.partition.leased.delete(known);
    return false;
  }

  /** V7: own outcomes, while the fleet's state is known. */
  #countOwn(known: Known, call: Call): void {
    const { admitted } = call;
    const { policy } = known;
    if (admitted === undefined || policy === undefined) return;
    if (known.countsUnder === undefined && this.#provisional.has(known)) this.#decideAnew(known);
    if (known.countsUnder === undefined || !isSameGeneration(admitted, known.countsUnder)) return;
    known.own ??= new OwnOutcomes(admitted);
    if (!known.own.count(call, admitted, { policy, nowMs: this.#options.nowMs() })) return;
    known.own.open(policy, this.#options.monotonicMs());
    this.#provisional.add(known);
    this.#decideAnew(known);
  }

  #endProvisional(known: Known, verdict: ProvisionalVerdict): void {
    if (!this.#provisional.delete(known)) return;
    this.#verdicts[this.#provisionalLeftMs(known) > 0 ? verdict : 'none']++;
    known.own?.close();
  }

  /** 0 or less: it isn't open, or not any more. */
  #provisionalLeftMs({ own }: Known): number {
    return own === undefined ? -Infinity : own.openLeftMs(this.#options.monotonicMs());
  }

  #seeLocal(known: Known): void {
    const snapshot = known.partition.local?.snapshot(known.upstream);
    known.local = snapshot && this.#seen.of(heardOf(snapshot), known.local, this.#options.monotonicMs());
  }

  /** As of now. */
  #decideAnew(known: Known): void {
    const { shared, local, own, policy, partition } = known;
    if (own !== undefined || local !== undefined || shared?.untilMs !== undefined) return this.#decideByItself(known);
    const { steady } = partition;
    if (steady === undefined || steady.shared !== shared || steady.policy !== policy) {
      this.#decideByItself(known);
      partition.steady = { shared, policy, decision: known.decision, countsUnder: known.countsUnder };
      return;
    }
    known.decision = steady.decision;
    known.countsUnder = steady.countsUnder;
    known.untilMonotonicMs = undefined;
    partition.leased.delete(known);
  }

  /** A shared state that is open refuses until its lease ends (T4), whatever was judged locally. */
  #decideByItself(known: Known): void {
    const { shared, local, policy } = known;
    const provisionalMs = this.#provisionalLeftMs(known);
    if (provisionalMs <= 0) this.#endProvisional(known, 'none');
    // The document is gone: what is left of the state refuses nobody while its deletion is on the way (C3).
    const isPolicedYet = policy !== undefined || this.#documents === undefined;
    const refusing = isPolicedYet ? (this.#ifRefusing(shared) ?? this.#ifRefusing(local)) : undefined;
    if (refusing !== undefined) known.decision = refuse(refusing, policy);
    else if (provisionalMs > 0 && this.#canTrip(shared)) known.decision = refuse({ untilMs: this.#options.nowMs() + provisionalMs }, policy);
    else known.decision = this.#admit(known);
    known.countsUnder = this.#countsUnder(known);
    const leftMs = Math.min(orEndless(this.#leftMs(shared)), orEndless(this.#leftMs(local)), orEndless(provisionalMs));
    known.untilMonotonicMs = leftMs === Infinity ? undefined : this.#options.monotonicMs() + leftMs;
    const isLeased = shared?.untilMs !== undefined || local?.untilMs !== undefined;
    if (isLeased) known.partition.leased.add(known);
    else known.partition.leased.delete(known);
  }

  #ifRefusing(seen: Seen | undefined): Seen | undefined {
    return seen !== undefined && this.#refuses(seen) ? seen : undefined;
  }

  #refuses(seen: Seen): boolean {
    return seen.admit === 0 && this.#leftMs(seen) > 0;
  }

  /** Infinity: it has no end, or there is none. */
  #leftMs(seen: Seen | undefined): number {
    return seen === undefined ? Infinity : leaseLeftMs(seen, seen.firstSeenMs, this.#options);
  }

  /** G2, V7. */
  #countsUnder({ decision, partition, shared, policy }: Known): Admission | undefined {
    if (decision.kind === 'refuse' || partition.local !== undefined || policy === undefined || !opensByAmount(policy)) return undefined;
    return this.#canTrip(shared) ? decision.admitted : undefined;
  }

  /** As of now; a lease that is over is about to be the policy's to trip again (T5). */
  #canTrip(shared: Seen | undefined): boolean {
    return shared !== undefined && (this.#leftMs(shared) <= 0 || shared.canTrip);
  }

  #admit({ partition, shared, local, policy }: Known): Admit {
    const begun = partition.local && { incarnation: partition.local.incarnation, generation: FIRST_GENERATION };
    const judged = policy && (this.#stamp(local) ?? begun);
    const admitted = this.#stamp(shared);
    const last = this.#admitted;
    if (isSameStamp(last.admitted, admitted) && isSameStamp(last.local, judged) && last.slowTimeThresholdMs === policy?.slowTimeThresholdMs) return last;
    return (this.#admitted = Object.freeze({
      kind: 'admit',
      ...(admitted === undefined ? {} : { admitted }),
      ...(policy === undefined ? {} : { slowTimeThresholdMs: policy.slowTimeThresholdMs }),
      ...(judged === undefined ? {} : { local: judged }),
    }));
  }

  /** G3: one generation higher once the lease is over. */
  #stamp(seen: Seen | undefined): Admission | undefined {
    if (seen === undefined) return undefined;
    const { incarnation, generation } = seen;
    return Object.freeze({ incarnation, generation: this.#leftMs(seen) > 0 ? generation : generation + 1 });
  }
}

function isSameStamp(a: Admission | undefined, b: Admission | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && isSameGeneration(a, b));
}

function refuse({ untilMs }: { readonly untilMs: number | undefined }, policy: SharedPolicy | undefined): Refuse {
  const degraded = policy?.degraded ?? DEFAULT_ANSWER;
  return Object.freeze({ kind: 'refuse', degraded, ...(untilMs === undefined ? {} : { untilMs }) });
}

/** What is over ends nothing. */
function orEndless(leftMs: number): number {
  return leftMs > 0 ? leftMs : Infinity;
}

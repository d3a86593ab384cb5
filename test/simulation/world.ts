/** A simulated fleet: services, processes, what joins them, and what everything that is made, committed or told is held against. */
import { Defect, type Checkpoint, type Incarnation, type OutboxEntry, type Snapshot, type StateUpdate, type TrafficSetting, type Transition } from '#engine';
import { Chance } from '../support/chance.ts';
import { Brokers } from './broker.ts';
import { hostsOf, partitionOf, settingOf } from './documents.ts';
import { Group } from './group.ts';
import { Violation, type Invariant } from './invariants.ts';
import { Network, Unreachable } from './network.ts';
import { ControlTopic, nameOf, TransitionTopic } from './other-topics.ts';
import { OutcomeTopic, OutOfRange, type PartitionLog } from './outcome-topic.ts';
import type { Process } from './process.ts';
import type { Profile } from './profile.ts';
import { Proxy } from './proxy.ts';
import { isSame } from './same.ts';
import type { Scheduler } from './scheduler.ts';
import { SimulatedStore, type Change, type Taken } from './state-store.ts';
import { StateSubscription } from './state-subscription.ts';
import { Truth } from './truth.ts';
import { Upstreams } from './upstreams.ts';

/** A proxy's clock is off by up to so much before it is corrected, ms. */
const PROXY_OFF_MAX_MS = 3_000;
/** A topic takes longer to be deleted, made and to grow than a reader takes to notice that it is broken off, ms. */
const TOPIC_MADE_MS = 600;
/** The store's, from the world's time. */
const STORE_OFF_MS = 400;
/** How late the documents in force reach the store, ms. */
const PUBLISH_MAX_MS = 1_500;

export class World {
  readonly scheduler: Scheduler;
  readonly profile: Profile;
  readonly chance: Chance;
  readonly hosts: readonly string[];
  readonly partitionOf = partitionOf;
  readonly network: Network;
  readonly brokers: Brokers;
  readonly outcomes: OutcomeTopic;
  readonly control: ControlTopic;
  readonly transitions: TransitionTopic;
  /** Written, and found to be right. */
  readonly checkpoints: Checkpoint[] = [];
  readonly store: SimulatedStore;
  readonly upstreams: Upstreams;
  readonly groups: readonly Group[];
  readonly proxies: Proxy[];
  /** Settings as they were written. */
  readonly applied: TrafficSetting[];
  readonly counts: Record<string, number> = {};
  /** By `callName`, whether each call with that name was admitted under a lease that was over, and must count (G3). */
  readonly expected = new Map<string, boolean>();
  /** A broker was wrong by a minute at least once. */
  hasJumped = false;
  /** Nothing new befalls the fleet before. */
  pausedUntilMs = 0;
  /** The first invariant that was broken. */
  violation: Violation | undefined;
  readonly #truths = new Map<string, Truth>();
  /** By partition and incarnation. A log that was cut is named by nothing. */
  readonly #logs = new Map<string, PartitionLog>();
  /** By partition and name (G1). */
  readonly #committed = new Map<string, Transition>();
  readonly #passed = new Map<string, number>();
  readonly #subscriptions: { readonly process: Process; readonly subscription: StateSubscription }[] = [];
  #numbers = 0;
  #isCalm = false;

  constructor(seed: number, scheduler: Scheduler, profile: Profile) {
    this.scheduler = scheduler;
    this.profile = profile;
    this.chance = new Chance(seed ^ 0x5bd1_e995);
    const { chance } = this;
    this.hosts = hostsOf(profile);
    this.network = new Network({ scheduler, chance: new Chance(seed ^ 0x1b87_3593), profile, onFailure: (error) => this.failed(error) });
    this.brokers = new Brokers(scheduler, chance);
    this.outcomes = new OutcomeTopic({ partitions: profile.partitions, brokers: this.brokers, chance, partitionOf, nowMs: () => scheduler.nowMs });
    this.outcomes.gapRate = profile.rates.gap;
    this.control = new ControlTopic(() => this.brokers.clockMs(0));
    this.transitions = new TransitionTopic(partitionOf, () => this.brokers.clockMs(0));
    this.store = new SimulatedStore({ ...profile, onTaken: (taken) => this.#taken(taken), onChange: (change) => this.#tellChange(change) });
    this.upstreams = new Upstreams(scheduler, chance);
    this.applied = this.hosts.map((upstream, n) => settingOf(n, upstream, chance));
    this.control.append(this.applied.map((document) => ({ author: 'operator', reason: 'begin', source: 'api', change: { kind: 'apply', document } })));
    this.control.onAppend(() => this.#publishSoon());
    this.control.publish();
    this.groups = [new Group(this, 'a', profile.active), ...(profile.standby > 0 ? [new Group(this, 'b', profile.standby)] : [])];
    this.proxies = Array.from({ length: profile.proxies }, (_, n) => this.#newProxy(n));
  }

  /** What is left to chance from here on goes by this seed, whatever was left to chance before. */
  reseed(seed: number): void {
    this.chance.reseed(seed ^ 0x5bd1_e995);
    this.network.reseed(seed ^ 0x1b87_3593);
  }

  nextNumber(): number {
    return this.#numbers++;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  /** By the slowest broker; -Infinity: nobody can say. */
  get leastClockMs(): number {
    if (this.hasJumped) return -Infinity;
    return Math.min(...Array.from({ length: this.brokers.count }, (_, broker) => this.brokers.clockMs(broker)));
  }

  get slowestRoundTripMs(): number {
    return 40 * this.profile.latencyMs;
  }

  subscribe(process: Process, to: { monotonicMs: () => number; listener: (update: StateUpdate) => void }): StateSubscription {
    const { network, store, profile, chance, scheduler } = this;
    const subscription = new StateSubscription({ process, network, store, chance, partitions: profile.partitions, freshnessMs: profile.freshnessMs, storeClockMs: () => scheduler.nowMs + STORE_OFF_MS, ...to });
    this.#subscriptions.push({ process, subscription });
    void subscription.run().catch((error: unknown) => this.broke(error));
    return subscription;
  }

  /** What one of the group's members committed to Kafka as taken (L2). */
  passed(group: string, partition: number): number {
    return Math.min(this.#passed.get(`${group} ${partition}`) ?? 0, this.outcomes.bounds(partition).next);
  }

  taken(group: string, partition: number, { next, log }: { next: number; log: PartitionLog }): void {
    if (log === this.outcomes.log(partition) && this.chance.below(2) === 0) this.#passed.set(`${group} ${partition}`, next);
  }

  /** Somebody's fold made it. */
  made(partition: number, entry: OutboxEntry): void {
    this.#truth(partition, entry.transition.incarnation).checkMade(entry);
  }

  checkpointed(checkpoint: Checkpoint): void {
    const { partition, incarnation, identity, next, clockMs, control, snapshots, ids } = checkpoint;
    const truth = this.#truth(partition, incarnation);
    const held = { meta: { incarnation, next, clockMs, control }, snapshots: new Map(snapshots.map((snapshot) => [snapshot.upstream, snapshot])), ids };
    const difference = identity === truth.identity ? truth.differenceTo(held) : `it is of the log ${identity}`;
    if (difference !== undefined) this.#violated('I1 checkpoint', `of partition ${partition} at ${incarnation}/${next}: ${difference}`);
    this.count('checkpoints');
    this.checkpoints.push(checkpoint);
  }

  /** A proxy takes it for what holds. */
  believed(by: string, snapshot: Snapshot): void {
    const { upstream, incarnation, next } = snapshot;
    const wanted = this.#truth(partitionOf(upstream), incarnation).at(next)?.snapshots.find((each) => each.upstream === upstream);
    if (!isSame(wanted, snapshot)) this.#violated('I2 I3 told as it is', `${by} was told ${JSON.stringify(snapshot)}, and the log says ${JSON.stringify(wanted)}`);
  }

  /** K3. */
  tell(transitions: readonly Transition[]): void {
    for (const transition of transitions) {
      const name = nameOf(transition);
      const committed = this.#committed.get(name);
      if (!isSame(committed, transition)) throw new Violation('K3 nothing uncommitted', `${name} was told as ${JSON.stringify(transition)} and ${committed === undefined ? 'never committed' : `committed as ${JSON.stringify(committed)}`}`);
    }
    this.transitions.append(transitions);
  }

  jumpBroker(broker: number, isAhead: boolean, forMs: number): void {
    this.hasJumped = true;
    this.expected.clear();
    this.brokers.jump(broker, isAhead, forMs);
  }

  makeLogAgain(partition: number): void {
    this.outcomes.makeAgain(partition, this.scheduler.nowMs + TOPIC_MADE_MS);
    for (const { name } of this.groups) this.#passed.delete(`${name} ${partition}`);
  }

  /** V2: every ingest does, each second. */
  losePublished(): void {
    this.control.losePublished();
    this.#publishSoon();
  }

  restartProxy(n: number): void {
    const proxy = this.proxies[n] as Proxy;
    if (!proxy.process.isAlive) this.proxies[n] = this.#newProxy(n);
  }

  deafen(n: number, ms: number): string {
    const living = this.#subscriptions.filter(({ process }) => process.isAlive);
    const chosen = living[n % living.length];
    chosen?.subscription.goDeaf(ms);
    return chosen?.process.name ?? 'nobody';
  }

  /** Faults stop; who was killed comes back. */
  calm(): void {
    this.#isCalm = true;
    this.network.calm();
    this.brokers.setRight();
    this.upstreams.heal();
    this.outcomes.gapRate = 0;
    for (const group of this.groups) group.heal();
    for (const n of this.proxies.keys()) {
      this.proxies[n]?.process.thaw();
      this.restartProxy(n);
    }
  }

  /** So that leases run when all behind the proxies dies. */
  forceSome(): void {
    const change = { kind: 'force', upstream: this.chance.of(this.hosts), to: 'open', durationMs: 9_000 } as const;
    this.control.append([{ author: 'operator', reason: 'because', source: 'api', change }]);
  }

  /** V1: of the log that its author looked at; of two that begin it at once, the first's. */
  incarnate({ partition, number }: Incarnation, log: PartitionLog): void {
    const key = `${partition}/${number}`;
    if (!this.#logs.has(key)) this.#logs.set(key, log);
  }

  /** The one thing that tells nothing (record 0011): a log that was made again and is cut just where the old one's state stands. */
  isUntellableAt(partition: number, first: number): boolean {
    return this.truthNow(partition)?.log !== this.outcomes.log(partition) && this.store.held(partition).meta?.next === first;
  }

  truthNow(partition: number): Truth | undefined {
    const { meta } = this.store.held(partition);
    return meta && this.#truth(partition, meta.incarnation);
  }

  get truths(): readonly Truth[] {
    return [...this.#truths.values()];
  }

  /** Something failed, and whoever asked for it may ask again: to be expected of what is out of reach only. */
  failed(error: unknown): void {
    if (error instanceof Unreachable || error instanceof OutOfRange) return;
    const isPlain = error instanceof Error && error.name === 'Error' && !error.message.startsWith('assertion');
    if (!isPlain || error instanceof Defect) this.broke(error);
  }

  broke(error: unknown): void {
    this.violation ??= error instanceof Violation ? error : new Violation('no defect', error instanceof Error ? (error.stack ?? error.message) + (error.cause instanceof Error ? `\nbecause ${error.cause.stack}` : '') : String(error));
  }

  #newProxy(n: number): Proxy {
    return new Proxy(this, `proxy-${n}.${this.nextNumber()}`, this.chance.below(2 * PROXY_OFF_MAX_MS + 1) - PROXY_OFF_MAX_MS);
  }

  #publishSoon(): void {
    this.scheduler.after(this.chance.below(PUBLISH_MAX_MS), 'documents are published', () => this.control.publish());
  }

  #taken({ commit, before, held }: Taken): void {
    const { partition, incarnation } = commit;
    const truth = this.#truth(partition, incarnation);
    const isSameIncarnation = before.meta?.incarnation === incarnation;
    const from = isSameIncarnation ? (before.meta?.next ?? 0) : truth.startOffset;
    if (isSameIncarnation && commit.next < from) this.#violated('K2 never back', `partition ${partition} was brought from ${from} to ${commit.next}`);
    if (commit.rewrite !== true && commit.snapshots.some(({ next }) => next <= from && isSameIncarnation)) this.#violated('K5 what changed', `${JSON.stringify(commit.snapshots)} came with a commit from ${from}`);
    const difference = truth.differenceTo(held);
    if (difference !== undefined) this.#violated('I1 state is the fold', `partition ${partition} after the commit ${commit.commitId} to ${incarnation}/${commit.next}: ${difference}`);
    if (!this.outcomes.isSentOn(truth.log, from, commit.next)) this.#violated('L2 sent on', `partition ${partition}: ${commit.commitId} passed what was not sent on in ${from} to ${commit.next}`);
    for (const entry of commit.outbox) {
      if (entry.transition.incarnation === incarnation) truth.checkMade(entry);
      this.#committed.set(nameOf(entry.transition), entry.transition);
    }
  }

  #violated(invariant: Invariant, how: string): never {
    throw new Violation(invariant, how);
  }

  #truth(partition: number, incarnation: number): Truth {
    const key = `${partition}/${incarnation}`;
    const known = this.#truths.get(key);
    if (known !== undefined) return known;
    const begun = this.control.records.map(({ change }) => change).find((change) => change.kind === 'incarnation' && change.partition === partition && change.number === incarnation);
    if (begun?.kind !== 'incarnation') throw new Violation('I1 state is the fold', `incarnation ${incarnation} of partition ${partition} is used, and is not in the control log`);
    const log = this.#logs.get(key) as PartitionLog;
    const truth = new Truth({ partition, incarnation, startOffset: begun.startOffset, log, identity: begun.identity }, this);
    this.#truths.set(key, truth);
    return truth;
  }

  #tellChange(change: Change): void {
    for (const { process, subscription } of this.#subscriptions) {
      if (!process.isAlive || (!this.#isCalm && this.chance.below(1_000) < this.profile.rates.unheard)) continue;
      process.after(this.network.latencyMs(), `is told of ${change.partition} at ${change.meta.next}`, () => subscription.hear(change));
    }
  }
}

/**
 * Pumps of two groups on the real embedded store, and everything that may befall them: owners that are killed, or live on
 * after another has their partition, replies that are lost, commits that arrive late, stores that fall back or are
 * emptied, logs that are made again, calls that fail. What is committed is held against the naive fold of the log each
 * time, and what is published against what was committed. One seed is one life.
 */
import { isDeepStrictEqual } from 'node:util';
import { openEmbedded, type Embedded } from '#drivers';
import { Pump, type Claim, type Commit, type CommitAnswer, type ControlChange, type ControlRecord, type LogRecord, type Mark, type Outcome, type OwnerPorts, type StateStore } from '#engine';
import { readDocument } from '#wire';
import { NaiveFold, type NaiveResult } from './naive-fold.ts';
import { Member } from './pump-member.ts';
import { Chance } from './chance.ts';

const HOSTS = ['a.local', 'b.local', 'c.local'] as const;
const IDS_MAX = 16;

/** What the naive fold says of one incarnation, at every offset. */
interface Truth {
  readonly fold: NaiveFold;
  readonly log: Embedded;
  readonly at: Map<number, NaiveResult & { readonly ids: readonly number[] }>;
}

export class PumpWorld {
  nowMs = 1_790_000_000_000;
  readonly chance: Chance;
  /** Control and transitions; the outcomes of the first log. */
  readonly home: Embedded;
  /** Where outcomes are now. */
  log: Embedded;
  store: StateStore;
  readonly members: Member[];
  readonly answers = new Set<CommitAnswer['kind']>();
  /** The first rule that was broken: those who try again what failed may swallow it. */
  violation: Error | undefined;
  readonly #opened: Embedded[] = [];
  readonly #logs = new Map<string, Embedded>();
  readonly #truths = new Map<number, Truth>();
  /** Taken by the store as it is, in order. */
  #history: Commit[] = [];
  /** Arrive when their senders have given them up. */
  readonly #late: Commit[] = [];
  readonly #committed = new Set<string>();
  #control: readonly ControlRecord[] = [];
  #numbers = 0;
  readonly #isStandbyIdle: boolean;

  constructor(seed: number) {
    this.chance = new Chance(seed);
    this.home = this.#open();
    this.log = this.home;
    this.store = this.#open().states;
    const groups = this.chance.below(3) === 0 ? ['a', 'a', 'b'] : ['a', 'a'];
    this.#isStandbyIdle = this.chance.below(2) === 0;
    this.members = groups.map((group) => new Member(this, group));
  }

  async close(): Promise<void> {
    for (const each of this.#opened.splice(0)) await each.close();
  }

  newId(): string {
    return `commit-${this.#numbers++}`;
  }

  pumpOf(group: string, ports: Partial<OwnerPorts>, areQuietCommitsDeferred: boolean): Pump {
    const nothing = (): void => undefined;
    const observer = { folded: nothing, committed: nothing, published: nothing, sentOn: nothing, incarnated: nothing, postponed: nothing };
    return new Pump({ ...this.home, ...ports }, { group, isStandby: group === 'b' && this.#isStandbyIdle, owns: () => true, idsMax: IDS_MAX, areQuietCommitsDeferred, newId: () => this.newId(), observer });
  }

  /** The store's horizon is as short as the pumps' (K4). */
  async claim(group: string): Promise<Claim> {
    const claim = await this.store.claim(0, group);
    return { ...claim, ids: claim.ids.slice(-IDS_MAX) };
  }

  async commit(commit: Commit): Promise<CommitAnswer> {
    const { store } = this;
    const answer = await store.commit(commit);
    this.answers.add(answer.kind);
    if (answer.kind !== 'OK') return answer;
    for (const { transition } of commit.outbox) this.#committed.add(JSON.stringify(transition));
    // Taken by a store that has fallen back since: it is lost with what came after.
    if (store !== this.store) return answer;
    this.#history.push(commit);
    await this.#check();
    return answer;
  }

  /** The sender hears nothing of it; it comes when it comes. */
  comeLate(commit: Commit): void {
    this.#late.push(commit);
  }

  /** K3. */
  async publish(transitions: Parameters<OwnerPorts['transitions']['append']>[0]): Promise<void> {
    for (const each of transitions) {
      if (!this.#committed.has(JSON.stringify(each))) throw this.#violated(`published and not committed: ${JSON.stringify(each)}`);
    }
    await this.home.transitions.append(transitions);
  }

  /** One thing that no pump does. */
  async happen(): Promise<void> {
    const { chance } = this;
    const what = chance.below(100);
    if (what < 60) await this.#append(1 + chance.below(6));
    else if (what < 75) this.nowMs += chance.of([1, 50, 400, 1_500, 9_000]);
    else if (what < 86) await this.#change();
    else if (what < 90) await this.mark({ control: chance.below(3) - 1, hash: chance.of(['', 'forged']) });
    else if (what < 94) await this.#arrive();
    else if (what < 97) await this.#fallBack(chance.below(3) === 0 ? 0 : chance.below(this.#history.length + 1));
    else if (what < 98) this.#makeLogAgain();
  }

  /** Everything works from here on: does it come to what the log says? */
  async settle(): Promise<void> {
    while (this.#late.length > 0) await this.#arrive();
    for (const member of this.members) member.heal();
    const last = new Member(this, 'a');
    last.heal();
    this.members.push(last);
    for (let round = 0; round < 4; round++) {
      for (const member of this.members) await member.runToEnd();
      this.nowMs += 100;
    }
    const { meta } = await this.claim('looking');
    const end = (await this.log.reader.bounds(0)).next;
    if (meta?.next !== end) throw this.#violated(`the store is at ${meta?.next}, the log ends at ${end}`);
    await this.#check();
    await this.#checkPublished(meta.incarnation);
    if (this.violation !== undefined) throw this.violation;
  }

  /** The store holds what the log says, at whatever offset it stands. */
  async #check(): Promise<void> {
    const { meta, snapshots, ids } = await this.claim('looking');
    if (meta === undefined) return;
    const truth = await this.#truthAt(meta.incarnation, meta.next);
    const found = { clockMs: meta.clockMs, control: meta.control, snapshots, ids: ids.map(({ offset }) => offset) };
    const wanted = { clockMs: truth.clockMs, control: truth.control, snapshots: truth.snapshots, ids: truth.ids };
    if (isDeepStrictEqual(found, wanted)) return;
    throw this.#violated(`at ${meta.incarnation}/${meta.next} the store holds ${JSON.stringify(found)}, the log says ${JSON.stringify(wanted)}`);
  }

  async #checkPublished(incarnation: number): Promise<void> {
    const { fold } = this.#truths.get(incarnation) as Truth;
    const { transitions } = await this.home.transitions.list({ limit: 1_000 });
    const found = transitions.filter((each) => each.incarnation === incarnation).map((each) => JSON.stringify({ ...each, reason: '' }));
    const wanted = fold.transitions.map(({ transition }) => JSON.stringify(transition));
    const [lost, invented] = [wanted.filter((each) => !isIn(each, found)), found.filter((each) => !isIn(each, wanted))];
    if (lost.length + invented.length > 0) throw this.#violated(`not published: ${lost.join()}; published: ${invented.join()}`);
  }

  async #truthAt(incarnation: number, next: number): Promise<NaiveResult & { readonly ids: readonly number[] }> {
    this.#control = await this.home.control.read(0);
    const truth = this.#truths.get(incarnation) ?? this.#begin(incarnation);
    for (const record of await truth.log.reader.read(0, truth.fold.next, 10_000)) this.#step(truth, record);
    const at = truth.at.get(next);
    if (at === undefined) throw this.#violated(`nothing ends at ${incarnation}/${next}`);
    return at;
  }

  #step({ fold, at }: Truth, record: LogRecord): void {
    fold.step(record);
    at.set(fold.next, { ...fold.result(), ids: fold.ids.map(({ offset }) => offset) });
  }

  #begin(incarnation: number): Truth {
    const begun = this.#control.map(({ change }) => change).find((change) => change.kind === 'incarnation' && change.number === incarnation);
    if (begun?.kind !== 'incarnation') throw this.#violated(`incarnation ${incarnation} is not in the control log`);
    const options = { partition: 0, incarnation, owns: () => true, lateAfterMs: 60_000, idsMax: IDS_MAX };
    const fold = new NaiveFold((offset) => this.#control[offset], options);
    const truth: Truth = { fold, log: this.#logs.get(begun.identity) as Embedded, at: new Map([[begun.startOffset, { ...fold.result(), ids: [] }]]) };
    this.#truths.set(incarnation, truth);
    return truth;
  }

  async #append(count: number): Promise<void> {
    const { chance } = this;
    for (let n = 0; n < count; n++) {
      const generation = 1 + chance.below(6);
      const stamp = chance.below(3) === 0 ? { admitted: { incarnation: 1 + chance.below(2), generation } } : {};
      const id = chance.below(5) === 0 ? `${chance.below(8)}` : `n${this.#numbers++}`;
      const outcome: Outcome = { upstream: chance.of(HOSTS), atMs: this.nowMs, reporter: 'r', id, result: { kind: 'status', code: chance.of([200, 500, 500]) }, count: chance.of([1, 1, 3]), ...stamp };
      await this.log.outcomes.append([outcome]);
    }
    await this.#rememberLog();
  }

  async mark(mark: Mark): Promise<void> {
    await this.log.outcomes.appendMark(0, mark);
    await this.#rememberLog();
  }

  /** Which log an identity names. */
  async #rememberLog(): Promise<void> {
    const { identity } = await this.log.reader.bounds(0);
    if (identity !== undefined && identity !== '') this.#logs.set(identity, this.log);
  }

  async #change(): Promise<void> {
    const { chance } = this;
    const upstream = chance.of(HOSTS);
    const document = settingOf(upstream, chance.of([1, 2, 3, 5]));
    const changes: readonly ControlChange[] = [
      { kind: 'apply', document },
      { kind: 'apply', document },
      { kind: 'delete', document: { kind: document.kind, namespace: document.namespace, name: document.name } },
      { kind: 'force', upstream, to: chance.of(['open', 'closed']), durationMs: chance.of([500, 5_000]) },
      { kind: 'clear', upstream },
    ];
    await this.home.control.append([{ author: 'test', reason: 'test', source: 'api', change: chance.of(changes) }]);
  }

  async #arrive(): Promise<void> {
    const commit = this.#late.shift();
    if (commit !== undefined) await this.commit(commit);
  }

  /** As it was after so many of its commits. */
  async #fallBack(commits: number): Promise<void> {
    const store = this.#open().states;
    const history = this.#history.slice(0, commits);
    for (const commit of history) {
      const { kind } = await store.commit({ ...commit, epoch: 0 });
      if (kind !== 'OK') throw this.#violated(`a commit is answered ${kind} when it is made again`);
    }
    // At once: whoever is in the middle of a commit finds the one store or the other, never one half made.
    this.store = store;
    this.#history = history;
  }

  #makeLogAgain(): void {
    this.log = this.#open();
    // Two logs that begin alike in the same millisecond are one to V1.
    this.nowMs++;
    for (const member of this.members) member.logIsAnother();
  }

  #violated(what: string): Error {
    return (this.violation ??= new Error(what));
  }

  #open(): Embedded {
    const embedded = openEmbedded({ dataDir: ':memory:', now: () => this.nowMs });
    this.#opened.push(embedded);
    return embedded;
  }
}

function isIn(transition: string, others: readonly string[]): boolean {
  const wanted: unknown = JSON.parse(transition);
  return others.some((other) => isDeepStrictEqual(JSON.parse(other), wanted));
}

function settingOf(host: string, errorAmountThreshold: number) {
  const read = readDocument({
    apiVersion: 'policy.openservicemesh.io/v1alpha1',
    kind: 'UpstreamTrafficSetting',
    metadata: { name: host, namespace: 'default' },
    spec: { host, connectionSettings: { http: { circuitBreaking: { errorAmountThreshold, degradedTimeWindow: '2s', statTimeWindow: '1m' } } } },
  });
  if (!('document' in read)) throw new Error(JSON.stringify(read));
  return read.document;
}

/**
 * The rules of docs/model.md once more, written for the tests alone: one record after the other, plain arrays, no
 * batches, nothing kept that could be found again. It is slow and meant to be obvious; where it and the engine differ,
 * one of them has misread a rule. It takes the engine's types and none of its code.
 */
import type { Admission, BreakerState, Cause, ControlRecord, LogRecord, Mark, OutboxEntry, Outcome, Override, Policy,
  Snapshot, Tally, TrafficSetting } from '#engine';
import { countsOf, emptyWindow, isFailed, newBreaker, snapshotOf, trips } from './naive-breaker.ts';
import type { NaiveBreaker } from './naive-breaker.ts';
import type { Happening, Reached } from './happenings.ts';

export interface NaiveOptions {
  readonly partition: number;
  readonly incarnation: number;
  readonly owns: (upstream: string) => boolean;
  readonly lateAfterMs: number;
  readonly idsMax: number;
}

export interface NaiveResult {
  /** Their `reason` is empty: its words are the engine's own. */
  readonly transitions: readonly OutboxEntry[];
  /** In the order of their names. */
  readonly snapshots: readonly Snapshot[];
  readonly clockMs: number;
  readonly next: number;
  readonly control: number;
  readonly tally: Tally;
}

interface Change {
  readonly state: BreakerState;
  readonly atMs: number;
  readonly cause: Cause;
  readonly untilMs?: number | undefined;
  readonly override?: Override;
}

const TOLERANCE_MS = 5_000;

export class NaiveFold {
  clockMs = 0;
  next = 0;
  control = -1;
  readonly transitions: OutboxEntry[] = [];
  readonly tally: Tally = {
    counted: 0, whileOpen: 0, unknown: 0, repeat: 0, late: 0, stale: 0, otherIncarnation: 0, future: 0, mark: 0,
    forgedMark: 0, dead: 0, misrouted: 0,
  };
  /** K4, oldest first. */
  readonly ids: { readonly key: string; readonly offset: number }[] = [];
  readonly breakers: NaiveBreaker[] = [];
  readonly reached: Reached;
  private readonly settings: TrafficSetting[] = [];
  /** Settings that a directory brought last. */
  private readonly ofDirectory = new Set<TrafficSetting>();
  private readonly options: NaiveOptions;
  private readonly dictionary: (offset: number) => ControlRecord | undefined;

  constructor(
    dictionary: (offset: number) => ControlRecord | undefined,
    options: NaiveOptions,
    reached: Reached = new Map(),
  ) {
    this.dictionary = dictionary;
    this.options = options;
    this.reached = reached;
  }

  step(record: LogRecord): void {
    this.next = record.offset + 1;
    this.moveClock(record);
    this.expireWhatIsDue();
    if (record.entry.kind === 'dead') this.add('dead', 1);
    if (record.entry.kind === 'misrouted') this.add('misrouted', record.entry.count);
    if (record.entry.kind === 'mark') this.takeMark(record.entry.mark);
    if (record.entry.kind === 'outcome') {
      this.add(this.takeOutcome(record, record.entry.outcome), record.entry.outcome.count);
    }
  }

  result(): NaiveResult {
    const snapshots = this.breakers.map((breaker) => snapshotOf(breaker, this.options.incarnation));
    return {
      transitions: this.transitions,
      snapshots: snapshots.toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1)),
      clockMs: this.clockMs,
      next: this.next,
      control: this.control,
      tally: this.tally,
    };
  }

  find(upstream: string): NaiveBreaker | undefined {
    return this.breakers.find((breaker) => breaker.upstream === upstream);
  }

  private moveClock(record: LogRecord): void {
    if (record.appendMs > this.clockMs) this.clockMs = record.appendMs;
    else if (record.appendMs < this.clockMs - TOLERANCE_MS) this.setBack(record.appendMs);
    else if (record.appendMs < this.clockMs) this.note('heldBack');
  }

  private setBack(toMs: number): void {
    this.note('setBack');
    this.clockMs = toMs;
    const edgeMs = toMs + TOLERANCE_MS;
    for (const breaker of this.breakers) {
      const { sinceMs, untilMs, windowStartMs } = breaker;
      if (sinceMs > edgeMs) {
        this.note('pulledSince');
        breaker.sinceMs = toMs;
        breaker.next = this.next;
      }
      if (windowStartMs !== undefined && windowStartMs > edgeMs) {
        this.note('pulledWindow');
        breaker.windowStartMs = toMs;
        breaker.next = this.next;
      }
      const isTrip = untilMs !== undefined && breaker.override === undefined;
      if (isTrip && untilMs > toMs + (untilMs - sinceMs) + TOLERANCE_MS) {
        this.note('pulledTrip');
        breaker.untilMs = toMs;
        breaker.next = this.next;
      }
    }
  }

  private expireWhatIsDue(): void {
    const due = this.breakers.filter(({ untilMs }) => untilMs !== undefined && untilMs <= this.clockMs);
    due.sort((a, b) => a.untilMs! - b.untilMs! || (a.upstream < b.upstream ? -1 : 1));
    due.forEach((breaker, i) => {
      if (i > 0 && due[i - 1]?.sinceMs === breaker.untilMs) this.note('tiedExpiry');
      this.expire(breaker);
    });
  }

  private expire(breaker: NaiveBreaker): void {
    this.note(breaker.override ? 'overrideExpiry' : 'expiry');
    this.change(breaker, { state: 'closed', atMs: breaker.untilMs!, cause: { kind: 'deadline' } });
  }

  private change(breaker: NaiveBreaker, to: Change): void {
    const transition = {
      upstream: breaker.upstream,
      incarnation: this.options.incarnation,
      generation: breaker.generation + 1,
      from: breaker.state,
      to: to.state,
      atMs: to.atMs,
      reason: '',
      cause: to.cause,
      window: countsOf(breaker),
      ...(breaker.policy && { policy: breaker.policy.identity }),
      ...(to.untilMs !== undefined && { openUntilMs: to.untilMs }),
    };
    this.transitions.push({ offset: this.next - 1, transition });
    breaker.generation += 1;
    breaker.state = to.state;
    breaker.sinceMs = to.atMs;
    breaker.untilMs = to.untilMs;
    breaker.override = to.override;
    breaker.next = this.next;
    emptyWindow(breaker);
  }

  private takeOutcome(record: LogRecord, outcome: Outcome): keyof Tally {
    const breaker = this.find(outcome.upstream);
    if (!breaker?.policy) return 'unknown';
    if (outcome.id !== undefined) {
      const key = JSON.stringify([outcome.reporter, outcome.id]);
      if (this.ids.some((id) => id.key === key)) return 'repeat';
      this.remember(key);
    }
    if (outcome.atMs < record.appendMs - this.options.lateAfterMs) return 'late';
    const verdict = outcome.admitted
      ? this.judgeStamp(breaker, outcome.admitted)
      : this.judgeTime(breaker, Math.min(outcome.atMs, this.clockMs));
    if (verdict === 'counted') this.count(breaker, outcome);
    return verdict;
  }

  private remember(key: string): void {
    this.ids.push({ key, offset: this.next - 1 });
    if (this.ids.length > this.options.idsMax) {
      this.ids.shift();
      this.note('forgotten');
    }
  }

  /** G2, stamped. */
  private judgeStamp(breaker: NaiveBreaker, admitted: Admission): keyof Tally {
    if (admitted.incarnation !== this.options.incarnation) return 'otherIncarnation';
    if (admitted.generation < breaker.generation) return 'stale';
    if (admitted.generation === breaker.generation) return breaker.state === 'open' ? 'whileOpen' : 'counted';
    if (admitted.generation > breaker.generation + 1 || breaker.untilMs === undefined) return 'future';
    const earlyMs = Math.min(TOLERANCE_MS, (breaker.untilMs - breaker.sinceMs) / 2);
    if (this.clockMs < breaker.untilMs - earlyMs) return 'future';
    this.note('earlyExpiry');
    this.expire(breaker);
    return 'counted';
  }

  /** G2, not stamped. */
  private judgeTime(breaker: NaiveBreaker, atMs: number): keyof Tally {
    if (atMs < breaker.sinceMs) return 'stale';
    return breaker.state === 'open' ? 'whileOpen' : 'counted';
  }

  private count(breaker: NaiveBreaker, outcome: Outcome): void {
    const policy = breaker.policy!;
    const startMs = breaker.windowStartMs;
    if (startMs === undefined || this.clockMs >= startMs + policy.statTimeWindowMs) {
      if (startMs !== undefined) this.note('newWindow');
      breaker.windowStartMs = this.clockMs;
      breaker.calls = [];
    }
    const slow = outcome.durationMs !== undefined && outcome.durationMs >= policy.slowTimeThresholdMs;
    breaker.calls.push({ error: isFailed(outcome.result), slow, count: outcome.count });
    breaker.next = this.next;
    if (breaker.override || !trips(policy, countsOf(breaker))) return;
    this.note('trip');
    if (outcome.count > 1) this.note('tripByCount');
    this.change(breaker, {
      state: 'open',
      atMs: this.clockMs,
      untilMs: this.clockMs + policy.degradedTimeWindowMs,
      cause: {
        kind: 'outcome',
        partition: this.options.partition,
        offset: this.next - 1,
        ...(outcome.id !== undefined && { id: outcome.id }),
      },
    });
  }

  private takeMark(mark: Mark): void {
    const hash = mark.control === -1 ? '' : this.dictionary(mark.control)?.hash;
    if (hash !== mark.hash) return this.add('forgedMark', 1);
    this.add('mark', 1);
    for (; this.control < mark.control; this.control += 1) {
      const record = this.dictionary(this.control + 1);
      if (record) this.takeControl(record);
    }
  }

  private takeControl(record: ControlRecord): void {
    const { change } = record;
    if (change.kind === 'apply' && change.document.kind === 'UpstreamTrafficSetting') this.apply(change.document, record);
    if (change.kind === 'delete' && change.document.kind === 'UpstreamTrafficSetting') {
      const i = this.settings.findIndex((setting) => isSame(setting, change.document));
      const mayGo = i >= 0 && this.maybeChanged(record, this.settings[i]);
      const [gone] = mayGo ? this.settings.splice(i, 1) : [];
      if (gone?.breaker) this.dropPolicy(gone.upstream, record);
    }
    if (change.kind === 'force' || change.kind === 'clear') {
      const breaker = this.find(change.upstream);
      if (breaker?.policy && change.kind === 'force') this.force(breaker, record);
      if (breaker?.policy && change.kind === 'clear' && breaker.override) {
        this.note('clear');
        this.change(breaker, { state: 'closed', atMs: this.clockMs, cause: causeOf('override', record) });
      }
    }
  }

  private apply(setting: TrafficSetting, record: ControlRecord): void {
    const i = this.settings.findIndex((other) => isSame(other, setting));
    const before = this.settings[i];
    if (record.source === 'api' && before && this.ofDirectory.has(before)) return this.note('directorys');
    if (before?.version === setting.version) return this.note('sameAgain');
    if (!this.maybeChanged(record, before)) return;
    const holder = this.settings.find((other) => other.upstream === setting.upstream);
    if (holder && holder !== before) return this.note('secondRefused');
    if (before) this.settings[i] = setting;
    else this.settings.push(setting);
    if (record.source === 'directory') this.ofDirectory.add(setting);
    else this.ofDirectory.delete(setting);
    const stays = before?.upstream === setting.upstream;
    if (before && !stays) this.note('hostMoved');
    if (!setting.breaker) this.note('limitsOnly');
    if (before?.breaker && !(stays && setting.breaker)) this.dropPolicy(before.upstream, record);
    if (!setting.breaker || !this.options.owns(setting.upstream)) return;
    const breaker = this.find(setting.upstream);
    if (!breaker) this.applyFirst(setting.breaker);
    else if (breaker.policy) this.changePolicy(breaker, breaker.policy, setting.breaker);
    else this.applyAgain(breaker, setting.breaker, record);
  }

  /** C1: nobody but a directory changes what is its own, and nobody another version than the one that they mean. */
  private maybeChanged({ change, source }: ControlRecord, before: TrafficSetting | undefined): boolean {
    if (source === 'api' && before && this.ofDirectory.has(before)) {
      this.note('directorys');
      return false;
    }
    const replaces = 'replaces' in change ? change.replaces : undefined;
    if (replaces === undefined || replaces === (before?.version ?? '')) return true;
    this.note('otherVersion');
    return false;
  }

  private applyFirst(policy: Policy): void {
    this.note('firstApply');
    this.breakers.push(newBreaker(policy, this.clockMs, this.next));
  }

  private applyAgain(breaker: NaiveBreaker, policy: Policy, record: ControlRecord): void {
    this.note('applyAgain');
    breaker.policy = policy;
    this.change(breaker, { state: 'closed', atMs: this.clockMs, cause: causeOf('policy', record) });
  }

  private changePolicy(breaker: NaiveBreaker, before: Policy, policy: Policy): void {
    this.note('change');
    if (breaker.override) this.note('changeWhileForced');
    else if (breaker.state === 'open') this.note('changeWhileOpen');
    breaker.policy = policy;
    breaker.next = this.next;
    const measuresAsBefore =
      before.statTimeWindowMs === policy.statTimeWindowMs && before.slowTimeThresholdMs === policy.slowTimeThresholdMs;
    if (breaker.windowStartMs !== undefined) this.note(measuresAsBefore ? 'keptWindow' : 'droppedWindow');
    if (!measuresAsBefore) emptyWindow(breaker);
  }

  private dropPolicy(upstream: string, record: ControlRecord): void {
    const breaker = this.find(upstream);
    if (!breaker) return;
    this.note(breaker.state === 'open' ? 'deleteWhileOpen' : 'delete');
    breaker.policy = undefined;
    this.change(breaker, { state: 'closed', atMs: this.clockMs, cause: causeOf('policy', record) });
  }

  private force(breaker: NaiveBreaker, record: ControlRecord): void {
    const { change, author, reason, offset } = record;
    if (change.kind !== 'force') return;
    this.note(change.to === 'open' ? 'forceOpen' : 'forceClosed');
    if (breaker.override) this.note('forceAgain');
    const untilMs = change.durationMs === undefined ? undefined : record.appendMs + change.durationMs;
    this.change(breaker, {
      state: change.to,
      atMs: this.clockMs,
      untilMs,
      override: { author, reason, controlOffset: offset },
      cause: causeOf('override', record),
    });
    if (untilMs === undefined || untilMs > this.clockMs) return;
    this.note('instantExpiry');
    this.expire(breaker);
  }

  private add(field: keyof Tally, calls: number): void {
    this.tally[field] += calls;
    this.note(field);
  }

  private note(happening: Happening): void {
    this.reached.set(happening, (this.reached.get(happening) ?? 0) + 1);
  }
}

export function naiveFold(
  records: readonly LogRecord[],
  control: readonly ControlRecord[],
  options: NaiveOptions,
): NaiveResult {
  const fold = new NaiveFold((offset) => control.find((record) => record.offset === offset), options);
  for (const record of records) fold.step(record);
  return fold.result();
}

function isSame(a: { namespace: string; name: string }, b: { namespace: string; name: string }): boolean {
  return a.namespace === b.namespace && a.name === b.name;
}

function causeOf(kind: 'override' | 'policy', record: ControlRecord): Cause {
  return { kind, author: record.author, controlOffset: record.offset };
}

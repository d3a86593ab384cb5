/**
 * Histories of one partition made from plain integers, so that fast-check draws and shrinks cheaply: each integer is
 * one event, read digit by digit, and 0 is the plainest (an `ok` of the first upstream, right now). An event is decoded
 * against the naive fold as it stands at that point; only so do stamps, times and repeats hit the edges of the rules.
 */
import type { Admission, ControlChange, ControlRecord, Entry, LogRecord, Mark, Outcome, Result } from '#engine';
import { documentKeyAt, settingFrom, upstreamDocumentFrom } from './fold-documents.ts';
import { FOREIGN, HOSTS } from './fold-documents.ts';
import type { Reached } from './happenings.ts';
import { NaiveFold } from './naive-fold.ts';
import type { NaiveOptions } from './naive-fold.ts';
import type { NaiveBreaker } from './naive-breaker.ts';

export interface FoldCase {
  readonly records: readonly LogRecord[];
  readonly control: (offset: number) => ControlRecord | undefined;
  readonly options: NaiveOptions;
  /** Has folded all of `records`. */
  readonly naive: NaiveFold;
}

export interface CaseShape {
  /** Do outcomes carry ids? */
  readonly ids: boolean;
  readonly reached: Reached;
}

const PARTITION = 3;
const INCARNATION = 2;
const LATE_AFTER_MS = 4_000;
const START_MS = 100_000_000;
const ABSENT_OFFSET = 1_000_000;

/** Takes one integer apart, least digit first. */
export class Digits {
  private rest: number;

  constructor(whole: number) {
    this.rest = whole;
  }

  below(limit: number): number {
    const digit = this.rest % limit;
    this.rest = Math.floor(this.rest / limit);
    return digit;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

/** Append times, from the clock and the upstream that the event is about. */
const TIMES: readonly ((clockMs: number, about: NaiveBreaker | undefined) => number)[] = [
  (clock) => clock,
  (clock) => clock,
  (clock) => clock,
  (clock) => clock,
  (clock) => clock,
  (clock) => clock + 1,
  (clock) => clock + 40,
  (clock) => clock + 300,
  (clock) => clock + 300,
  (clock) => clock + 300,
  (clock) => clock + 1_000,
  (clock) => clock + 2_500,
  (clock, about) => Math.max(clock, about?.untilMs ?? clock),
  (clock, about) => Math.max(clock, (about?.untilMs ?? clock) - 1),
  (clock, about) => Math.max(clock, Math.ceil(earlyFrom(about) ?? clock)),
  (clock, about) => Math.max(clock, Math.ceil(earlyFrom(about) ?? clock)),
  (clock, about) => Math.max(clock, Math.ceil(earlyFrom(about) ?? clock) - 1),
  (clock, about) => Math.max(clock, windowEnd(about) ?? clock),
  (clock, about) => Math.max(clock, (windowEnd(about) ?? clock) - 1),
  (clock) => clock + 25_000,
  (clock) => clock - 200,
  (clock) => clock - 5_000,
  (clock) => clock,
  (clock) => clock + 10,
  (clock) => clock - 5_001,
  (clock) => clock - 9_000,
  (clock) => clock - 40_000,
];

function earlyFrom(about: NaiveBreaker | undefined): number | undefined {
  if (about?.untilMs === undefined) return undefined;
  return about.untilMs - Math.min(5_000, (about.untilMs - about.sinceMs) / 2);
}

function windowEnd(about: NaiveBreaker | undefined): number | undefined {
  if (about?.windowStartMs === undefined || !about.policy) return undefined;
  return about.windowStartMs + about.policy.statTimeWindowMs;
}

const RESULTS: readonly Result[] = [
  { kind: 'ok' },
  { kind: 'status', code: 500 },
  { kind: 'failure', failure: 'reset' },
  { kind: 'status', code: 499 },
  { kind: 'status', code: 511 },
  { kind: 'grpc', code: 14 },
  { kind: 'grpc', code: 3 },
  { kind: 'grpc', code: 0 },
  { kind: 'status', code: 500 },
  { kind: 'failure', failure: 'timeout' },
];

const DURATIONS: readonly (number | undefined)[] = [undefined, 99.9, 100, 199, 200, 450];
const COUNTS = [1, 1, 2, 3, 7];
/** Told apart as pairs only: 'r' + 'r/1' and 'rr' + '/1' are two. */
const REPORTERS = ['r', 'rr', 'r/'];
const IDS = [undefined, undefined, '1', 'r1', 'r/1', '/1', '2', '3'];
const [FIRST, SECOND, THIRD] = HOSTS;
/** Mostly those that may have a policy. */
const ASKED = [...Array.from({ length: 4 }, () => [FIRST, FIRST, FIRST, SECOND, FIRST, SECOND, THIRD]).flat(), SECOND, SECOND, FOREIGN, 'never'];
const OVERRIDE_MS = [undefined, 400, 3_000, 14_000];

/** Decodes one history. `setup` chooses what is in force at first; each of `events` is one thing that happens. */
export function makeCase(setup: number, events: readonly number[], shape: CaseShape): FoldCase {
  const script = new Script(new Digits(setup), shape);
  for (const event of events) script.play(new Digits(event));
  return script;
}

const MISROUTED: Entry = { kind: 'misrouted', upstream: FOREIGN, reporter: 'r', count: 3, value: new Uint8Array(), isSentOn: false };

class Script implements FoldCase {
  readonly records: LogRecord[] = [];
  readonly options: NaiveOptions;
  readonly naive: NaiveFold;
  private readonly written = new Map<number, ControlRecord>();
  private readonly shape: CaseShape;
  private lastControl = -1;
  private now = START_MS;

  constructor(setup: Digits, shape: CaseShape) {
    this.shape = shape;
    this.options = {
      partition: PARTITION,
      incarnation: INCARNATION,
      owns: (upstream) => upstream !== FOREIGN,
      lateAfterMs: LATE_AFTER_MS,
      idsMax: setup.of([64, 3]),
    };
    this.naive = new NaiveFold(this.control, this.options, shape.reached);
    const documents = setup.of([1, 3, 3, 3, 2, 3, 3, 0]);
    for (let i = 0; i < documents; i += 1) {
      this.writeControl({ kind: 'apply', document: settingFrom(setup, i, i) }, START_MS);
    }
    if (documents > 0) this.append(START_MS, { kind: 'mark', mark: this.markOf(this.lastControl) }, 1);
  }

  readonly control = (offset: number): ControlRecord | undefined => this.written.get(offset);

  play(digits: Digits): void {
    const kind = digits.below(32);
    if (kind < 22) this.playOutcome(digits);
    else if (kind < 29) this.playControl(digits);
    else if (kind < 31) this.playMark(digits);
    else if (digits.below(2) === 0) this.append(this.timeOf(digits, FIRST), { kind: 'dead', reason: 'no JSON', key: null, value: null }, 1);
    else this.append(this.timeOf(digits, FIRST), MISROUTED, 1);
  }

  private playOutcome(digits: Digits): void {
    const result = digits.of(RESULTS);
    const upstream = digits.of(ASKED);
    const appendMs = this.timeOf(digits, upstream);
    const durationMs = digits.of(DURATIONS);
    const admitted = this.stampOf(digits, upstream);
    const count = digits.of(COUNTS);
    const id = this.shape.ids ? digits.of(IDS) : undefined;
    const reporter = digits.of(REPORTERS);
    const outcome: Outcome = {
      upstream,
      atMs: this.atOf(digits, appendMs, upstream),
      reporter,
      result,
      count,
      ...(id !== undefined && { id }),
      ...(durationMs !== undefined && { durationMs }),
      ...(admitted && { admitted }),
    };
    this.append(appendMs, { kind: 'outcome', outcome }, 1 + digits.below(2));
  }

  /** Something is written to the control log and, mostly, brought into force at once. */
  private playControl(digits: Digits): void {
    const inForceAtOnce = digits.below(4) < 3;
    const change = this.changeOf(digits);
    const appendMs = this.timeOf(digits, FIRST);
    this.writeControl(change, appendMs - digits.of([0, 0, 350, 3_000]), digits.below(8) === 7 ? 2 : 1);
    if (inForceAtOnce) this.append(appendMs, { kind: 'mark', mark: this.markOf(this.lastControl) }, 1);
  }

  private changeOf(digits: Digits): ControlChange {
    const kind = digits.below(16);
    const n = digits.below(3);
    const upstream = digits.of([FIRST, FIRST, FIRST, SECOND, 'never']);
    if (kind < 7) return { kind: 'apply', document: settingFrom(digits, n, digits.of([n, n, n, n, n, n, n, n, 0, 1, 2, 3])), ...this.replacing(digits, n) };
    if (kind === 7) return { kind: 'delete', document: documentKeyAt(n) };
    if (kind === 8) return this.sameAgain(n) ?? { kind: 'delete', document: documentKeyAt(n) };
    if (kind < 12) {
      const durationMs = digits.of(OVERRIDE_MS);
      return { kind: 'force', upstream, to: digits.of(['open', 'closed']), ...(durationMs && { durationMs }) };
    }
    if (kind < 14) return { kind: 'clear', upstream };
    if (kind === 14) return { kind: 'incarnation', partition: PARTITION, number: 7, identity: 'x', startOffset: 0 };
    const document = upstreamDocumentFrom(n);
    return n === 0 ? { kind: 'delete', document } : { kind: 'apply', document };
  }

  private replacing(digits: Digits, n: number): { replaces?: string } {
    const last = this.sameAgain(n);
    return digits.of([{}, {}, { replaces: '' }, last?.kind === 'apply' ? { replaces: last.document.version } : {}]);
  }

  /** The last version of document `n` that was written, be it in force or not. */
  private sameAgain(n: number): ControlChange | undefined {
    const { name } = documentKeyAt(n);
    const isIt = ({ change }: ControlRecord): boolean => change.kind === 'apply' && change.document.name === name;
    return [...this.written.values()].findLast(isIt)?.change;
  }

  private playMark(digits: Digits): void {
    const upstream = digits.of(HOSTS);
    const appendMs = this.timeOf(digits, upstream);
    const some = this.lastControl < 0 ? -1 : digits.below(this.lastControl + 1);
    const marks: readonly Mark[] = [
      this.markOf(this.naive.control),
      this.markOf(this.lastControl),
      this.markOf(some),
      { ...this.markOf(some), hash: 'forged' },
      { control: this.lastControl + ABSENT_OFFSET, hash: `hash-${this.lastControl}` },
      { control: -2, hash: '' },
      { control: -1, hash: '' },
    ];
    this.append(appendMs, { kind: 'mark', mark: digits.of(marks) }, 1);
  }

  private timeOf(digits: Digits, upstream: string): number {
    return digits.of(TIMES)(this.now, this.naive.find(upstream));
  }

  private stampOf(digits: Digits, upstream: string): Admission | undefined {
    const generation = this.naive.find(upstream)?.generation ?? 1;
    const stamp = (more: number, incarnation = INCARNATION): Admission => ({ incarnation, generation: generation + more });
    const stamps = [undefined, stamp(0), stamp(0), stamp(0), undefined, stamp(1), stamp(1), stamp(-1), stamp(2), stamp(0, INCARNATION - 1)];
    return digits.of(stamps);
  }

  private atOf(digits: Digits, appendMs: number, upstream: string): number {
    const sinceMs = this.naive.find(upstream)?.sinceMs ?? appendMs;
    const lateMs = appendMs - LATE_AFTER_MS;
    return digits.of([appendMs, appendMs, appendMs - 30, sinceMs, sinceMs - 1, lateMs, lateMs - 1, appendMs + 7_000]);
  }

  /** A gap before the record now and then: offsets grow, and no more is promised. */
  private append(appendMs: number, entry: LogRecord['entry'], step: number): void {
    const offset = (this.records.at(-1)?.offset ?? 9) + step;
    const record = { offset, appendMs: Math.max(1, appendMs), entry };
    this.records.push(record);
    this.naive.step(record);
    this.now = this.naive.clockMs;
  }

  private writeControl(change: ControlChange, appendMs: number, step = 1): void {
    const offset = (this.lastControl += step);
    const who = { hash: `hash-${offset}`, author: `author-${offset % 2}`, reason: 'because', source: offset % 9 === 8 ? ('directory' as const) : ('api' as const) };
    this.written.set(offset, { offset, appendMs, ...who, change });
  }

  private markOf(control: number): Mark {
    return { control, hash: this.written.get(control)?.hash ?? (control === -1 ? '' : 'none') };
  }
}

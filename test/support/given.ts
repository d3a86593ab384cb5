/**
 * Given-when-expect for the rules of docs/model.md and docs/semantics.md, so that a table of examples reads like them.
 *
 * A story is told in steps; each appends records to partition 0 at the story's time, which `at` moves ('0s' is when it
 * begins). The engine folds them one batch, and the naive fold must agree, so that each row examines both.
 */
import { expect, test } from 'vitest';
import { PartitionFold } from '#engine';
import type { ControlChange, ControlRecord, LogRecord, OutboxEntry, Outcome, Policy, Snapshot, Tally, TrafficSetting } from '#engine';
import { naiveFold } from './naive-fold.ts';

/** A policy in the document's own words; what is absent is the document's default. */
export interface PolicyWords {
  readonly statTimeWindow?: string;
  readonly minRequestAmount?: number;
  readonly errorAmountThreshold?: number;
  readonly errorRatioThreshold?: number;
  readonly slowTimeThreshold?: string;
  readonly slowAmountThreshold?: number;
  readonly slowRatioThreshold?: number;
  readonly degradedTimeWindow?: string;
  readonly degradedStatusCode?: number;
  /** `'none'`: limits only. */
  readonly circuitBreaking?: 'none';
  /** Whose it is; default: the API's. */
  readonly source?: 'directory';
  /** `none`: there must be none; `version of {…}`: that of a policy in these words. */
  readonly replaces?: string;
  /** `'false'`: it is judged, and refuses nothing. */
  readonly enforce?: 'false';
  /** The document's name and its host, both 'web' unless told otherwise. */
  readonly name?: string;
  readonly host?: string;
}

/** An outcome, where it is not an `ok` of 'web', known when it was appended, not stamped. */
export interface CallWords {
  readonly upstream?: string;
  readonly count?: number;
  readonly took?: string;
  readonly knownAt?: string;
  readonly id?: string;
  readonly reporter?: string;
  readonly generation?: number;
  readonly incarnation?: number;
}

export interface Example {
  /** A policy of 'web', applied at 0s, or the steps that led here. */
  readonly given: PolicyWords | readonly Step[];
  readonly when: readonly Step[];
  readonly expect: Expected;
}

/** Of 'web' unless told otherwise; only what is named is looked at. */
export interface Expected extends ExpectedState {
  /** All of them, as `generation: from → to at TIME [until TIME] (cause)`, behind its name if it isn't 'web'. */
  readonly transitions?: readonly string[];
  /** The windows that these transitions show, as [total, errors, slow]. */
  readonly evidence?: readonly (readonly [number, number, number])[];
  readonly clock?: string;
  readonly control?: number;
  readonly tally?: Partial<Tally>;
  readonly ids?: number;
  /** `undefined`: it has no snapshot. */
  readonly others?: Readonly<Record<string, ExpectedState | undefined>>;
  /** `'none'`: there is no snapshot at all. */
  readonly snapshot?: 'none';
}

export interface ExpectedState {
  readonly state?: 'open' | 'closed';
  readonly admit?: number;
  readonly generation?: number;
  readonly since?: string;
  /** `none`: it has no end. */
  readonly until?: string;
  /** [total, errors, slow]. */
  readonly window?: readonly [number, number, number];
  /** `none`: nothing was counted. */
  readonly windowFrom?: string;
  /** Its author, or `none`. */
  readonly override?: string;
  /** The name of its document, or `none`. */
  readonly policy?: string;
  /** How many records had been appended when it was last touched: the first record is 1 (V1). */
  readonly next?: number;
}

export type Step = (story: Story) => void;

const BEGIN_MS = 1_790_000_000_000;
const OPTIONS = { partition: 0, incarnation: 1, owns: (host: string) => host !== 'elsewhere', lateAfterMs: 60_000 };
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Go's durations, with a sign: `1m30s`, `-200ms`. */
export function ms(words: string): number {
  const parts = [...words.matchAll(/([\d.]+)(ms|s|m|h)/g)];
  const sum = parts.reduce((total, [, amount, unit]) => total + Number(amount) * (UNIT_MS[unit ?? ''] ?? NaN), 0);
  return words.startsWith('-') ? -sum : sum;
}

class Story {
  readonly records: LogRecord[] = [];
  readonly control: ControlRecord[] = [];
  nowMs = BEGIN_MS;
  idsMax = 65_536;

  append(entry: LogRecord['entry']): void {
    this.records.push({ offset: this.records.length, appendMs: this.nowMs, entry });
  }

  write(change: ControlChange, source: ControlRecord['source'] = 'api'): void {
    const offset = this.control.length;
    const who = { hash: `hash-${offset}`, author: 'alice', reason: 'because', source };
    this.control.push({ offset, appendMs: this.nowMs, ...who, change });
  }

  mark(control = this.control.length - 1, hash = this.control[control]?.hash ?? ''): void {
    this.append({ kind: 'mark', mark: { control, hash } });
  }
}

export const at = (time: string): Step => (story) => void (story.nowMs = BEGIN_MS + ms(time));

function call(result: Outcome['result'], words: CallWords, took?: string): Step {
  return (story) => {
    const { id, generation, incarnation } = words;
    const durationMs = words.took ?? took;
    const outcome: Outcome = {
      upstream: words.upstream ?? 'web',
      atMs: words.knownAt === undefined ? story.nowMs : BEGIN_MS + ms(words.knownAt),
      reporter: words.reporter ?? 'proxy-a',
      result,
      count: words.count ?? 1,
      ...(durationMs !== undefined && { durationMs: ms(durationMs) }),
      ...(id !== undefined && { id }),
      ...(generation !== undefined && { admitted: { generation, incarnation: incarnation ?? OPTIONS.incarnation } }),
    };
    story.append({ kind: 'outcome', outcome });
  };
}

export const ok = (words: CallWords = {}): Step => call({ kind: 'status', code: 200 }, words, '3ms');
export const error = (words: CallWords = {}): Step => call({ kind: 'status', code: 511 }, words, '3ms');
/** Takes 10s. */
export const slow = (words: CallWords = {}): Step => call({ kind: 'status', code: 200 }, words, '10s');
export const answer = (result: Outcome['result'], words: CallWords = {}): Step => call(result, words);

export const times = (n: number, ...steps: readonly Step[]): Step => (story) => {
  for (let i = 0; i < n; i += 1) for (const step of steps) step(story);
};

/** A mark of the last control record written; with nothing written since the last one, a tick. */
export const mark = (): Step => (story) => story.mark();
export const markOf = (control: number, hash?: string): Step => (story) => story.mark(control, hash);
export const unreadable = (): Step => (story) => story.append({ kind: 'dead', reason: 'no JSON', key: null, value: null });
/** K4's horizon, for the whole story. */
export const remembering = (ids: number): Step => (story) => void (story.idsMax = ids);

/** Written to the control log; in force from the next mark on. */
export const write = (change: ControlChange): Step => (story) => story.write(change);
const inForce = (change: ControlChange, source?: ControlRecord['source']): Step => (story) => {
  story.write(change, source);
  story.mark();
};

export const applying = (words: PolicyWords = {}): ControlChange => {
  const { replaces, ...rest } = words;
  return { kind: 'apply', document: settingOf(rest), ...replacing(replaces) };
};
export const deleting = (name = 'web', replaces?: string): ControlChange => {
  return { kind: 'delete', document: { kind: 'UpstreamTrafficSetting', namespace: 'default', name }, ...replacing(replaces) };
};
const replacing = (words: string | undefined): { replaces?: string } => {
  return words === undefined ? {} : { replaces: words === 'none' ? '' : words.replace('version of ', '') };
};
export const forcing = (to: 'open' | 'closed', forTime?: string, upstream = 'web'): ControlChange => {
  return { kind: 'force', upstream, to, ...(forTime !== undefined && { durationMs: ms(forTime) }) };
};
/** Written and marked at once. */
export const apply = (words: PolicyWords = {}): Step => inForce(applying(words), words.source);
export const remove = (name?: string, replaces?: string, source?: 'directory'): Step => inForce(deleting(name, replaces), source);
export const force = (...how: Parameters<typeof forcing>): Step => inForce(forcing(...how));
export const clear = (upstream = 'web'): Step => inForce({ kind: 'clear', upstream });

function settingOf(words: PolicyWords): TrafficSetting {
  const { name = 'web', host = 'web' } = words;
  const key = { kind: 'UpstreamTrafficSetting' as const, namespace: 'default', name };
  const version = JSON.stringify(words);
  const breaker: Policy = {
    identity: { name, namespace: 'default', version, ...(words.enforce === 'false' && { enforced: false }) },
    upstream: host,
    statTimeWindowMs: ms(words.statTimeWindow ?? '30s'),
    minRequestAmount: words.minRequestAmount ?? 100,
    errorAmountThreshold: words.errorAmountThreshold ?? 0,
    errorRatioThreshold: words.errorRatioThreshold ?? 0,
    slowTimeThresholdMs: ms(words.slowTimeThreshold ?? '5s'),
    slowAmountThreshold: words.slowAmountThreshold ?? 0,
    slowRatioThreshold: words.slowRatioThreshold ?? 0,
    degradedTimeWindowMs: ms(words.degradedTimeWindow ?? '30s'),
    degraded: { statusCode: words.degradedStatusCode ?? 409, content: 'Coming soon ...' },
  };
  const limits = {
    maxConnections: Infinity, connectTimeoutMs: 5_000, maxRequests: Infinity, maxRequestsPerConnection: Infinity,
    maxPendingRequests: Infinity, maxRetries: Infinity,
  };
  return { ...key, version, body: words, upstream: host, limits, ...(words.circuitBreaking !== 'none' && { breaker }) };
}

/** One row of the specification: its title is the sentence, its example the proof. */
export function rule(sentence: string, { given, when, expect: expected }: Example): void {
  test(`${sentence}`, () => {
    const story = new Story();
    const history = Array.isArray(given) ? (given as readonly Step[]) : [apply(given as PolicyWords)];
    for (const step of [...history, ...when]) step(story);
    const { fold, transitions, tally } = foldOf(story);
    const others = Object.keys(expected.others ?? {});
    const said = {
      ...stateOf(fold.snapshot('web')),
      snapshot: fold.snapshot('web') ? 'some' : 'none',
      transitions: transitions.map((entry) => inWords(entry)),
      evidence: transitions.map(({ transition }) => countsOf(transition.window)),
      clock: inTime(fold.clockMs),
      control: fold.control,
      tally,
      ids: fold.idsSince(0).length,
      others: Object.fromEntries(others.map((name) => [name, fold.snapshot(name) && stateOf(fold.snapshot(name))])),
    };
    expect(said).toMatchObject(expected);
  });
}

function foldOf(story: Story): { fold: PartitionFold; transitions: readonly OutboxEntry[]; tally: Tally } {
  const options = { ...OPTIONS, idsMax: story.idsMax };
  const start = { partition: 0, incarnation: 1, next: 0, clockMs: 0, control: -1, snapshots: [], ids: [] };
  const fold = new PartitionFold(start, (offset) => story.control[offset], options);
  const { transitions, tally } = fold.fold(story.records);
  const naive = naiveFold(story.records, story.control, options);
  const snapshots = fold.snapshots().toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1));
  expect({ snapshots, tally, clockMs: fold.clockMs }).toEqual({ snapshots: naive.snapshots, tally: naive.tally, clockMs: naive.clockMs });
  expect(transitions.map((entry) => inWords(entry))).toEqual(naive.transitions.map((entry) => inWords(entry)));
  return { fold, transitions, tally };
}

function stateOf(snapshot: Snapshot | undefined): ExpectedState {
  if (!snapshot) return {};
  const { state, admit, generation, next, policy, sinceMs, untilMs, window, override } = snapshot;
  return {
    state,
    admit,
    generation,
    next,
    since: inTime(sinceMs),
    until: inTime(untilMs),
    window: countsOf(window),
    windowFrom: inTime(window.startedAtMs),
    override: override?.author ?? 'none',
    policy: policy?.name ?? 'none',
  };
}

function countsOf({ total, errors, slow: slowCalls }: Snapshot['window']): [number, number, number] {
  return [total, errors, slowCalls];
}

function inWords({ transition }: OutboxEntry): string {
  const { upstream, generation, from, to, atMs, openUntilMs, cause } = transition;
  const name = upstream === 'web' ? '' : `${upstream} `;
  const until = openUntilMs === undefined ? '' : ` until ${inTime(openUntilMs)}`;
  return `${name}${generation}: ${from} → ${to} at ${inTime(atMs)}${until} (${cause.kind})`;
}

function inTime(timeMs: number | undefined): string {
  return timeMs === undefined ? 'none' : `${(timeMs - BEGIN_MS) / 1_000}s`;
}

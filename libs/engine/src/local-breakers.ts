/**
 * What a proxy makes of its own calls while it doesn't know a partition's shared state, or knows an old one only (V4):
 * the same fold, over a log of its own that nobody keeps. It begins with empty windows. Its generations are its own too:
 * they leave the process in no record (G3).
 */
import type { ControlRecord, TrafficSetting } from './control.ts';
import { documentKey } from './control.ts';
import { PartitionFold } from './fold.ts';
import type { Admission, Entry, Outcome } from './outcome.ts';
import type { Policy } from './policy.ts';
import type { Snapshot } from './snapshot.ts';

/** A document with a breaker in it. */
export type PolicedSetting = TrafficSetting & { readonly breaker: Policy };

/** The first application of a policy (C3), so what a breaker begins with. */
export const FIRST_GENERATION = 1;

export interface LocalBreakersOptions {
  /** Tells calls that an earlier judgement let through from those of this one (G2). */
  readonly incarnation: number;
  /** The log's clock as known here, ms (log-clock.ts). */
  readonly nowMs: () => number;
  /** Asked at an upstream's first call, and when the documents have changed. Undefined: it has no policy. */
  readonly settingOf: (upstream: string) => PolicedSetting | undefined;
}

export class LocalBreakers {
  readonly incarnation: number;
  readonly #nowMs: () => number;
  readonly #settingOf: LocalBreakersOptions['settingOf'];
  /** Made for the first call: most partitions are known again before there is one. */
  #fold: PartitionFold | undefined;
  /** Of upstreams that were called, in force; undefined: it has none. */
  readonly #inForce = new Map<string, PolicedSetting | undefined>();
  /** What is being put in force, by control offset. */
  #control: ReadonlyMap<number, ControlRecord> = new Map();

  constructor({ incarnation, nowMs, settingOf }: LocalBreakersOptions) {
    this.incarnation = incarnation;
    this.#nowMs = nowMs;
    this.#settingOf = settingOf;
  }

  /** @returns whether any breaker changed its state. Calls that weren't let through by this judgement count nothing. */
  judge({ upstream, result, durationMs }: Pick<Outcome, 'upstream' | 'result' | 'durationMs'>, admitted: Admission): boolean {
    const fold = this.#fold ?? this.#begin();
    if (!this.#inForce.has(upstream)) this.#putInForce(fold, [upstream]);
    const atMs = this.#nowMs();
    const outcome: Outcome = { upstream, atMs, reporter: '', result, count: 1, admitted, ...(durationMs === undefined ? {} : { durationMs }) };
    return this.#append(fold, { kind: 'outcome', outcome }) > 0;
  }

  /** The documents have changed. */
  settingsChanged(): void {
    if (this.#fold !== undefined) this.#putInForce(this.#fold, [...this.#inForce.keys()]);
  }

  /** Undefined: nothing has been judged yet, or the upstream has no policy. */
  snapshot(upstream: string): Snapshot | undefined {
    return this.#fold?.snapshot(upstream);
  }

  #begin(): PartitionFold {
    const start = { partition: 0, incarnation: this.incarnation, next: 0, clockMs: 0, control: -1, snapshots: [], ids: [] };
    this.#fold = new PartitionFold(start, (offset) => this.#control.get(offset), { owns: () => true, idsMax: 1 });
    return this.#fold;
  }

  /** By a mark, like everywhere (C2). Deletions first, so that a host is free for whoever takes it over. */
  #putInForce(fold: PartitionFold, upstreams: readonly string[]): void {
    const news = upstreams.map((upstream) => ({ upstream, before: this.#inForce.get(upstream), setting: this.#settingOf(upstream) }));
    const gone = news.flatMap(({ before, setting }) => (before === undefined || isSameDocument(setting, before) ? [] : [before]));
    const changes: ControlRecord['change'][] = [
      ...gone.map(({ kind, namespace, name }) => ({ kind: 'delete' as const, document: { kind, namespace, name } })),
      ...news.flatMap(({ setting }) => (setting === undefined ? [] : [{ kind: 'apply' as const, document: setting }])),
    ];
    for (const { upstream, setting } of news) this.#inForce.set(upstream, setting);
    const first = fold.control + 1;
    const records = changes.map((change, n) => ({ offset: first + n, appendMs: 0, hash: '', author: '', reason: '', source: 'fuseboard' as const, change }));
    this.#control = new Map(records.map((record) => [record.offset, record]));
    if (records.length > 0) this.#append(fold, { kind: 'mark', mark: { control: fold.control + records.length, hash: '' } });
  }

  /** @returns how many changes of state came of it. */
  #append(fold: PartitionFold, entry: Entry): number {
    return fold.fold([{ offset: fold.next, appendMs: this.#nowMs(), entry }]).transitions.length;
  }
}

function isSameDocument(a: PolicedSetting | undefined, b: PolicedSetting): boolean {
  return a !== undefined && documentKey(a) === documentKey(b);
}

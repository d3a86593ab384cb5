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
  /** Those to be judged, as they are when the first call is. */
  readonly settings: () => readonly PolicedSetting[];
}

export class LocalBreakers {
  readonly incarnation: number;
  readonly #nowMs: () => number;
  readonly #settings: () => readonly PolicedSetting[];
  /** Made for the first call: most partitions are known again before there is one. */
  #fold: PartitionFold | undefined;
  /** In force, by upstream. */
  #inForce: ReadonlyMap<string, PolicedSetting> = new Map();
  /** What is being put in force, by control offset. */
  #control: ReadonlyMap<number, ControlRecord> = new Map();

  constructor({ incarnation, nowMs, settings }: LocalBreakersOptions) {
    this.incarnation = incarnation;
    this.#nowMs = nowMs;
    this.#settings = settings;
  }

  /** @returns whether any breaker changed its state. Calls that weren't let through by this judgement count nothing. */
  judge({ upstream, result, durationMs }: Pick<Outcome, 'upstream' | 'result' | 'durationMs'>, admitted: Admission): boolean {
    const fold = this.#fold ?? this.#begin();
    const atMs = this.#nowMs();
    const outcome: Outcome = { upstream, atMs, reporter: '', result, count: 1, admitted, ...(durationMs === undefined ? {} : { durationMs }) };
    return this.#append(fold, { kind: 'outcome', outcome }) > 0;
  }

  /** The documents have changed. */
  settingsChanged(): void {
    if (this.#fold !== undefined) this.#putInForce(this.#fold);
  }

  /** Undefined: nothing has been judged yet, or the upstream has no policy. */
  snapshot(upstream: string): Snapshot | undefined {
    return this.#fold?.snapshot(upstream);
  }

  #begin(): PartitionFold {
    const start = { partition: 0, incarnation: this.incarnation, next: 0, clockMs: 0, control: -1, snapshots: [], ids: [] };
    this.#fold = new PartitionFold(start, (offset) => this.#control.get(offset), { owns: () => true, idsMax: 1 });
    this.#putInForce(this.#fold);
    return this.#fold;
  }

  /** By a mark, like everywhere (C2). Deletions first, so that a host is free for whoever takes it over. */
  #putInForce(fold: PartitionFold): void {
    const wanted = new Map(this.#settings().map((setting) => [setting.upstream, setting]));
    const gone = [...this.#inForce].filter(([upstream, before]) => !isSameDocument(wanted.get(upstream), before));
    const changes: ControlRecord['change'][] = [
      ...gone.map(([, { kind, namespace, name }]) => ({ kind: 'delete' as const, document: { kind, namespace, name } })),
      ...[...wanted.values()].map((document) => ({ kind: 'apply' as const, document })),
    ];
    const first = fold.control + 1;
    const records = changes.map((change, n) => ({ offset: first + n, appendMs: 0, hash: '', author: '', reason: '', source: 'fuseboard' as const, change }));
    this.#control = new Map(records.map((record) => [record.offset, record]));
    this.#inForce = wanted;
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

/**
 * What each control record did to the policies (C2, C3), and which of them stand at an offset. Worked out once for all
 * folds that share a control log: the documents of a large fleet are many, and so are its partitions.
 */
import type { ControlRecord, Document, TrafficSetting } from './control.ts';
import { Documents, type DocumentChange } from './documents.ts';
import type { Policy } from './policy.ts';

/** `before` absent: applied, for the first time or again. `after` absent: deleted. Both: changed. */
export interface PolicyChange {
  readonly upstream: string;
  readonly before: Policy | undefined;
  readonly after: Policy | undefined;
}

/** What is in force where control is up to some offset. */
export interface Standing {
  /** Of all partitions' upstreams, those whose setting has no breaker included. */
  readonly settings: ReadonlyMap<string, TrafficSetting>;
  /** Which rules. */
  readonly engine: number;
}

export class PolicyChanges {
  readonly #record: (offset: number) => ControlRecord | undefined;
  readonly #documents = new Documents();
  /** By control offset. */
  readonly #changes: (DocumentChange | undefined)[] = [];
  /** The last one asked for: partitions that are taken over together mostly stand at one offset. */
  #standing: Standing & { readonly control: number } = { control: -1, settings: new Map(), engine: 1 };

  constructor(record: (offset: number) => ControlRecord | undefined) {
    this.#record = record;
  }

  /** Every record up to `offset` has been read. Empty: there is none there, or it changed no policy of those that are owned. */
  at(offset: number, owns: (upstream: string) => boolean): PolicyChange[] {
    this.#reach(offset);
    const { before, after } = settingsIn(this.#changes[offset]);
    const stays = before?.upstream === after?.upstream;
    const changes: PolicyChange[] = [];
    // A changed host is a deletion at the old one and an application at the new.
    if (before !== undefined && !stays && owns(before.upstream)) changes.push({ upstream: before.upstream, before: before.breaker, after: undefined });
    if (after !== undefined && owns(after.upstream)) changes.push({ upstream: after.upstream, before: stays ? before?.breaker : undefined, after: after.breaker });
    // Limits alone are no policy (L3).
    return changes.filter((change) => change.before !== undefined || change.after !== undefined);
  }

  /** As of the last record that was read, `latest`; until the next is. */
  documents(latest: number): Documents {
    this.#reach(latest);
    return this.#documents;
  }

  #reach(offset: number): void {
    while (this.#changes.length <= offset) {
      const record = this.#record(this.#changes.length);
      this.#changes.push(record && this.#documents.apply(record));
    }
  }

  /** Every record up to `control` has been read. */
  standingAt(control: number): Standing {
    if (this.#standing.control !== control) this.#standing = { control, ...this.#standingAt(control) };
    return this.#standing;
  }

  #standingAt(control: number): Standing {
    this.#reach(control);
    const settings = new Map<string, TrafficSetting>();
    let engine = 1;
    for (let offset = 0; offset <= control; offset++) {
      const { before, after } = settingsIn(this.#changes[offset]);
      if (before !== undefined) settings.delete(before.upstream);
      if (after !== undefined) settings.set(after.upstream, after);
      engine = raised(engine, this.#record(offset));
    }
    return { settings, engine };
  }
}

/** Which rules are in force behind this record. */
export function raised(engine: number, record: ControlRecord | undefined): number {
  return record?.change.kind === 'engine' ? Math.max(engine, record.change.version) : engine;
}

function settingsIn(change: DocumentChange | undefined): { readonly before?: TrafficSetting | undefined; readonly after?: TrafficSetting | undefined } {
  return change === undefined ? NOTHING : { before: settingOf(change.before), after: settingOf(change.after) };
}

const NOTHING = {};

function settingOf(document: Document | undefined): TrafficSetting | undefined {
  return document?.kind === 'UpstreamTrafficSetting' ? document : undefined;
}

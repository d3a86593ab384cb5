/**
 * The policies of one partition's upstreams, as of the control offset in force (C2, C3). What a control record does to
 * them is worked out here; what that does to breakers is the fold's business.
 */
import type { ControlRecord, Document, TrafficSetting } from './control.ts';
import type { DocumentChanges } from './document-changes.ts';
import { Documents, type DocumentChange } from './documents.ts';
import type { Mark } from './outcome.ts';
import type { Policy } from './policy.ts';

/** The control log as dictionary: `undefined` where there is no such record. */
export interface ControlDictionary {
  (offset: number): ControlRecord | undefined;
  /** Of folds that share it; absent: each works them out for itself. */
  readonly changes?: DocumentChanges;
}

/** `before` absent: applied, for the first time or again. `after` absent: deleted. Both: changed. */
export interface PolicyChange {
  readonly upstream: string;
  readonly before: Policy | undefined;
  readonly after: Policy | undefined;
}

export class PoliciesInForce {
  readonly #dictionary: ControlDictionary;
  readonly #owns: (upstream: string) => boolean;
  readonly #documents: Documents | undefined;
  readonly #byUpstream = new Map<string, Policy>();
  #control = -1;
  #engine = 1;

  constructor(dictionary: ControlDictionary, owns: (upstream: string) => boolean) {
    this.#dictionary = dictionary;
    this.#documents = dictionary.changes === undefined ? new Documents() : undefined;
    this.#owns = owns;
  }

  /** Last control offset in force; -1: none. */
  get control(): number {
    return this.#control;
  }

  /** Which rules are in force. */
  get engine(): number {
    return this.#engine;
  }

  of(upstream: string): Policy | undefined {
    return this.#byUpstream.get(upstream);
  }

  /** C2: does the mark name a control record that operators wrote? */
  isGenuine({ control, hash }: Mark): boolean {
    return control === -1 ? hash === '' : this.#dictionary(control)?.hash === hash;
  }

  /** Back to where a store stood; `control` must have been read. */
  restore(control: number): void {
    if (control >= 0 && this.#dictionary(control) === undefined) throw new Error(`assertion: the control log has not been read up to ${control}`);
    while (this.#control < control) this.takeNext();
  }

  /** Takes the next control record into force. `record` absent: there is none at that offset. */
  takeNext(): { readonly record: ControlRecord | undefined; readonly changes: readonly PolicyChange[] } {
    this.#control++;
    const record = this.#dictionary(this.#control);
    if (record?.change.kind === 'engine') this.#engine = Math.max(this.#engine, record.change.version);
    const changed = this.#changeBy(record);
    const changes = changesOf(settingOf(changed?.before), settingOf(changed?.after)).filter(({ upstream }) => this.#owns(upstream));
    for (const { upstream, after } of changes) {
      if (after === undefined) this.#byUpstream.delete(upstream);
      else this.#byUpstream.set(upstream, after);
    }
    return { record, changes };
  }

  #changeBy(record: ControlRecord | undefined): DocumentChange | undefined {
    if (record === undefined) return undefined;
    return this.#documents === undefined ? this.#dictionary.changes?.at(record.offset) : this.#documents.apply(record);
  }
}

/** A changed host is a deletion at the old one and an application at the new; limits alone are no policy (L3). */
function changesOf(before: TrafficSetting | undefined, after: TrafficSetting | undefined): PolicyChange[] {
  const stays = before?.upstream === after?.upstream;
  const changes: PolicyChange[] = [];
  if (before !== undefined && !stays) changes.push({ upstream: before.upstream, before: before.breaker, after: undefined });
  if (after !== undefined) changes.push({ upstream: after.upstream, before: stays ? before?.breaker : undefined, after: after.breaker });
  return changes.filter((change) => change.before !== undefined || change.after !== undefined);
}

function settingOf(document: Document | undefined): TrafficSetting | undefined {
  return document?.kind === 'UpstreamTrafficSetting' ? document : undefined;
}

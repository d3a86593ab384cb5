/**
 * The policies of one partition's upstreams, as of the control offset in force (C2, C3). What a control record does to
 * them is worked out in policy-changes.ts; what that does to breakers is the fold's business.
 */
import type { ControlRecord } from './control.ts';
import type { Mark } from './outcome.ts';
import type { Policy } from './policy.ts';
import { PolicyChanges, raised, type PolicyChange, type Standing } from './policy-changes.ts';

/** The control log as dictionary: `undefined` where there is no such record. */
export interface ControlDictionary {
  (offset: number): ControlRecord | undefined;
  /** Of folds that share it; absent: each works them out for itself. */
  readonly changes?: PolicyChanges;
}

export class PoliciesInForce {
  readonly #dictionary: ControlDictionary;
  readonly #owns: (upstream: string) => boolean;
  readonly #changes: PolicyChanges;
  /** Where it began. */
  #beginning: Standing['settings'] = new Map();
  /** What is another one since; undefined: none any more. */
  readonly #since = new Map<string, Policy | undefined>();
  #control = -1;
  #engine = 1;

  constructor(dictionary: ControlDictionary, owns: (upstream: string) => boolean) {
    this.#dictionary = dictionary;
    this.#changes = dictionary.changes ?? new PolicyChanges(dictionary);
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
    if (this.#since.has(upstream)) return this.#since.get(upstream);
    const setting = this.#beginning.get(upstream);
    return setting !== undefined && this.#owns(upstream) ? setting.breaker : undefined;
  }

  /** C2: does the mark name a control record that operators wrote? */
  isGenuine({ control, hash }: Mark): boolean {
    return control === -1 ? hash === '' : this.#dictionary(control)?.hash === hash;
  }

  /** Back to where a store stood; `control` must have been read. To be called before anything is taken. */
  restore(control: number): void {
    if (control >= 0 && this.#dictionary(control) === undefined) throw new Error(`assertion: the control log has not been read up to ${control}`);
    const { settings, engine } = this.#changes.standingAt(control);
    this.#beginning = settings;
    this.#engine = engine;
    this.#control = control;
  }

  /** Takes the next control record into force. `record` absent: there is none at that offset. */
  takeNext(): { readonly record: ControlRecord | undefined; readonly changes: readonly PolicyChange[] } {
    this.#control++;
    const record = this.#dictionary(this.#control);
    this.#engine = raised(this.#engine, record);
    const changes = this.#changes.at(this.#control, this.#owns);
    for (const { upstream, after } of changes) this.#since.set(upstream, after);
    return { record, changes };
  }
}

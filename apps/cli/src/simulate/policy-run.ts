/** One file's policies over the calls: the production fold, and a ledger for each policy beside it. */
import { PartitionFold, type ControlRecord, type Document, type LogRecord, type OutboxEntry, type Transition } from '#engine';
import { LedgerBook, type Ledger } from './ledger.ts';
import type { NamedPolicy, PolicyFile } from './policy-files.ts';

/** Of each policy; what comes after is counted and not listed. */
export const TRANSITIONS_MAX = 100_000;

export interface PolicyResult extends NamedPolicy {
  readonly file: string;
  readonly transitions: readonly SimulatedTransition[];
  /** That are not among them. */
  readonly omitted: number;
  readonly trips: number;
  readonly ledger: Ledger;
}

export interface SimulatedTransition {
  readonly transition: Transition;
  /** The record that made it; of a closing the one at which it was noticed, which says nothing. */
  readonly offset: number;
}

interface Kept extends NamedPolicy {
  readonly book: LedgerBook;
  readonly transitions: SimulatedTransition[];
  omitted: number;
}

export class PolicyRun {
  readonly #file: string;
  readonly #fold: PartitionFold;
  readonly #kept: ReadonlyMap<string, Kept>;
  readonly #mark: { readonly control: number; readonly hash: string };

  constructor({ file, policies }: PolicyFile, lateAfterMs?: number) {
    this.#file = file;
    this.#kept = new Map(policies.map((named) => [named.policy.upstream, { ...named, book: new LedgerBook(named.policy), transitions: [], omitted: 0 }]));
    const control = policies.map(({ document }, offset) => applied(document, offset));
    this.#mark = { control: control.length - 1, hash: HASH };
    const start = { partition: 0, incarnation: 1, next: 0, clockMs: 0, control: -1, snapshots: [], ids: [] };
    this.#fold = new PartitionFold(start, (offset) => control[offset], { owns: () => true, idsMax: 1, ...(lateAfterMs !== undefined && { lateAfterMs }) });
    // Long before any call, or one that the log tells out of order would be from before the policy.
    this.#fold.fold([{ offset: 0, appendMs: 1, entry: { kind: 'mark', mark: this.#mark } }]);
  }

  /** Calls in the order of the input, with offsets from 1 on. */
  take(records: readonly LogRecord[]): void {
    const { transitions } = this.#fold.fold(records);
    let told = 0;
    for (const record of records) {
      for (let next = transitions[told]; next !== undefined && next.offset <= record.offset; next = transitions[++told]) this.#keep(next);
      if (record.entry.kind !== 'outcome') continue;
      const { outcome } = record.entry;
      this.#kept.get(outcome.upstream)?.book.enter(outcome, record);
    }
  }

  /** T5: what is still open is over at its `until`, though nothing comes any more. */
  end(): void {
    for (let untilMs = this.#fold.nextUntilMs; untilMs !== undefined; untilMs = this.#fold.nextUntilMs) {
      this.take([{ offset: this.#fold.next, appendMs: untilMs, entry: { kind: 'mark', mark: this.#mark } }]);
    }
  }

  results(): PolicyResult[] {
    return Array.from(this.#kept.values(), ({ name, policy, document, book, transitions, omitted }) => {
      return { name, file: this.#file, policy, document, transitions, omitted, trips: book.trips, ledger: book.ledger };
    });
  }

  #keep({ offset, transition }: OutboxEntry): void {
    const kept = this.#kept.get(transition.upstream);
    if (kept === undefined) return;
    kept.book.moved(offset, transition);
    if (kept.transitions.length < TRANSITIONS_MAX) kept.transitions.push({ offset, transition });
    else kept.omitted++;
  }
}

const HASH = 'simulated';

function applied(document: Document, offset: number): ControlRecord {
  return { offset, appendMs: 1, hash: HASH, author: 'simulate', reason: 'to be tried', source: 'directory', change: { kind: 'apply', document } };
}

/**
 * What each control record did to the documents. Worked out once for all folds that share a control log: the documents of
 * a large fleet are many, and so are its partitions.
 */
import type { ControlRecord } from './control.ts';
import { Documents, type DocumentChange } from './documents.ts';

export class DocumentChanges {
  readonly #record: (offset: number) => ControlRecord | undefined;
  readonly #documents = new Documents();
  /** By control offset. */
  readonly #changes: (DocumentChange | undefined)[] = [];

  constructor(record: (offset: number) => ControlRecord | undefined) {
    this.#record = record;
  }

  /** Every record up to `offset` has been read. Undefined: there is none there, or it changed no document. */
  at(offset: number): DocumentChange | undefined {
    while (this.#changes.length <= offset) {
      const record = this.#record(this.#changes.length);
      this.#changes.push(record && this.#documents.apply(record));
    }
    return this.#changes[offset];
  }
}

/** The documents in force, folded from the control log (V2). Which of two for one host holds, `Documents` decides. */
import { Documents } from '#engine';
import type { DocumentFeed, DocumentSet, Stop } from '#engine';
import type { OnError } from '../drivers.ts';
import type { ControlTable } from './control-table.ts';
import { Listeners } from '../listeners.ts';

/** Wait after a reading of the control log that failed, ms. */
const READ_AGAIN_AFTER_MS = 1_000;

export class EmbeddedDocumentFeed implements DocumentFeed {
  readonly #control: ControlTable;
  readonly #onError: OnError;
  readonly #documents = new Documents();
  readonly #listeners: Listeners<DocumentSet>;
  /** Offset of the last control record that is in `#documents`. */
  #upTo = -1;
  #following: Promise<Stop> | undefined;
  #again: NodeJS.Timeout | undefined;

  constructor(control: ControlTable, onError: OnError) {
    this.#control = control;
    this.#onError = onError;
    this.#listeners = new Listeners(onError, 'telling of documents');
  }

  /** Overrides and incarnations change no document, so they are no news here. */
  async follow(listener: (documents: DocumentSet) => void): Promise<Stop> {
    this.#following ??= this.#control.onNews(() => this.#onNews());
    await this.#following;
    this.#catchUp();
    const first = this.#inForce();
    let { control } = first;
    listener(first);
    return this.#listeners.add((set) => {
      // Told before this listener came, and on its way still.
      if (set.control <= control) return;
      control = set.control;
      listener(set);
    });
  }

  close(): void {
    clearTimeout(this.#again);
    this.#listeners.clear();
  }

  #onNews(): void {
    try {
      this.#catchUp();
    } catch (error) {
      this.#onError(error, 'reading the control log');
      // The next news may be days away, and until then proxies would go by documents that are no longer in force.
      clearTimeout(this.#again);
      this.#again = setTimeout(() => this.#onNews(), READ_AGAIN_AFTER_MS).unref();
    }
  }

  #catchUp(): void {
    let changed = false;
    for (const record of this.#control.readNow(this.#upTo + 1)) {
      changed = this.#documents.apply(record) !== undefined || changed;
      this.#upTo = record.offset;
    }
    if (changed) this.#listeners.tell(this.#inForce());
  }

  #inForce(): DocumentSet {
    return { control: this.#upTo, documents: this.#documents.list() };
  }
}

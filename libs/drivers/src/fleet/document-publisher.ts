/**
 * Puts the documents in force where proxies read them (V2): folds them from the control log, and writes them to the
 * store whenever they change and whenever the store has lost them. Every ingest does; they write the same.
 */
import { Documents, type ControlLog, type ControlRecord, type DocumentSet, type Stop } from '#engine';
import type { OnError } from '../drivers.ts';

/** Where documents are kept for proxies. */
export interface DocumentStore {
  /**
   * Writes what differs. Never goes back to an older offset of the same control log; another log, told by its
   * `identity`, is a new beginning. To be called again from time to time: what got lost is written again.
   */
  publish(documents: DocumentSet): Promise<void>;
}

/** How often the store is compared with what it should hold, ms. */
const COMPARE_EACH_MS = 1_000;

export class DocumentPublisher {
  readonly #control: ControlLog;
  readonly #store: DocumentStore;
  readonly #onError: OnError;
  readonly #documents = new Documents();
  /** Offset of the last control record that is in `#documents`. */
  #upTo = -1;
  /** V1, of the control log: its first record's content and time; undefined while there is none. */
  #identity: string | undefined;
  #publishing: Promise<void> = Promise.resolve();
  #waiting = false;

  constructor(control: ControlLog, store: DocumentStore, onError: OnError) {
    this.#control = control;
    this.#store = store;
    this.#onError = onError;
  }

  async start(): Promise<Stop> {
    const unfollow = await this.#control.onNews(() => this.#publishSoon());
    const timer = setInterval(() => this.#publishSoon(), COMPARE_EACH_MS);
    this.#publishSoon();
    return async () => {
      clearInterval(timer);
      await unfollow();
      await this.#publishing;
    };
  }

  /** One at a time, and at most one more behind it. */
  #publishSoon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#publishing = this.#publishing.then(async () => {
      this.#waiting = false;
      try {
        await this.#publish();
      } catch (error) {
        this.#onError(error, 'publishing the documents in force');
      }
    });
  }

  async #publish(): Promise<void> {
    for (const record of await this.#control.read(this.#upTo + 1)) {
      this.#identity ??= identityOf(record);
      this.#documents.apply(record);
      this.#upTo = record.offset;
    }
    const identity = this.#identity === undefined ? {} : { identity: this.#identity };
    await this.#store.publish({ control: this.#upTo, ...identity, documents: this.#documents.list() });
  }
}

function identityOf({ appendMs, hash }: ControlRecord): string {
  return `${appendMs}-${hash.slice(0, 16)}`;
}

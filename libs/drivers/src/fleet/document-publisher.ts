/**
 * Puts the documents in force where proxies read them (V2): folds them from the control log, and writes them to the
 * store whenever they change and whenever the store has lost them. Every ingest does; they write the same.
 */
import type { ControlLog, ControlRecord, ControlView, DocumentSet, Stop } from '#engine';
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

export interface DocumentPublisherOptions {
  readonly control: ControlLog;
  /** What the process has read of it. */
  readonly view: ControlView;
  readonly store: DocumentStore;
  readonly onError: OnError;
}

export class DocumentPublisher {
  readonly #options: DocumentPublisherOptions;
  /** V1, of the control log: its first record's content and time; undefined while there is none. */
  #identity: string | undefined;
  #publishing: Promise<void> = Promise.resolve();
  #waiting = false;

  constructor(options: DocumentPublisherOptions) {
    this.#options = options;
  }

  async start(): Promise<Stop> {
    const unfollow = await this.#options.control.onNews(() => this.#publishSoon());
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
        this.#options.onError(error, 'publishing the documents in force');
      }
    });
  }

  async #publish(): Promise<void> {
    const { view, store } = this.#options;
    await view.refresh();
    this.#identity ??= view.first && identityOf(view.first);
    const identity = this.#identity === undefined ? {} : { identity: this.#identity };
    await store.publish({ control: view.latest, ...identity, documents: view.documents.list() });
  }
}

function identityOf({ appendMs, hash }: ControlRecord): string {
  return `${appendMs}-${hash.slice(0, 16)}`;
}

/**
 * The documents in force from a console (V2): the whole set whenever it is another. A console tells what changed; at
 * first, all. A document that can't be read, such as a newer version's, leaves the last set in force.
 */
import type { Document, DocumentFeed, DocumentSet, Stop } from '#engine';
import { readDocument, type DocumentChangesMessage } from '#wire';
import type { OnError } from '../drivers.ts';
import { Followers } from '../followers.ts';

export class ConsoleDocumentFeed implements DocumentFeed {
  readonly #wake: () => void;
  readonly #followers: Followers<DocumentSet>;
  /** Of the present console, by key; as it was written where it can't be read. */
  readonly #arrived = new Map<string, Document | string>();
  #isWhole = false;
  #told: DocumentSet | undefined;

  /** @param wake begins to follow a console, if that has not been done */
  constructor(wake: () => void, onError: OnError) {
    this.#wake = wake;
    this.#followers = new Followers(1, onError, 'telling of documents');
  }

  /**
   * Stays pending until a console has documents, be it an empty set.
   * @throws Error the drivers were closed before
   */
  async follow(listener: (documents: DocumentSet) => void): Promise<Stop> {
    const following = this.#followers.add(listener);
    if (this.#isWhole && this.#told !== undefined) this.#followers.tellAwaiting(this.#told, 0);
    this.#wake();
    return await following;
  }

  close(): void {
    this.#followers.close();
  }

  /** There is no console, or another one: it will tell all. */
  forget(): void {
    this.#arrived.clear();
    this.#isWhole = false;
  }

  /** @throws Error a document can't be read; the last set holds */
  take({ identity, control, changed = [], gone = [], more }: DocumentChangesMessage): void {
    for (const { key, body } of changed) this.#arrived.set(key, read(body));
    for (const key of gone) this.#arrived.delete(key);
    if (more) return;
    this.#isWhole = true;
    const byKey = [...this.#arrived].toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, document] of byKey) if (typeof document === 'string') throw new Error(`the document ${key} can't be read: ${document}`);
    const set: DocumentSet = { control, documents: byKey.map(([, document]) => document as Document), ...(identity === '' ? {} : { identity }) };
    const told = this.#told;
    // An older set of the same control log is what a console has that is behind another.
    const isOlder = told !== undefined && told.identity === set.identity && control < told.control;
    if (!isOlder) this.#told = set;
    if (!isOlder && !isSame(told, set)) this.#followers.tell(set, 0);
    else if (this.#told !== undefined) this.#followers.tellAwaiting(this.#told, 0);
  }
}

function isSame(told: DocumentSet | undefined, { identity, documents }: DocumentSet): boolean {
  if (told === undefined || told.identity !== identity || told.documents.length !== documents.length) return false;
  return documents.every(({ version }, index) => version === told.documents[index]?.version);
}

/** As text: why it can't be read. */
function read(body: string): Document | string {
  const reading = readDocument(JSON.parse(body) as unknown);
  return 'document' in reading ? reading.document : reading.problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
}

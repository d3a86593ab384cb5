/**
 * The documents in force for whoever follows them in this process (V2): the whole set whenever it is another. What the
 * store has lost is no news: the last set holds until there is a new one.
 */
import type { Document, DocumentFeed, DocumentSet, Stop } from '#engine';
import { readDocument } from '#wire';
import type { OnError } from '../drivers.ts';
import type { Connection } from './connection.ts';
import { documentMetaOf, type DocumentMeta } from './document-store.ts';
import type { Source } from './feed-hub.ts';
import { Followers } from '../followers.ts';
import { documentKeys, type DocumentKeys } from './keys.ts';

export class RedisDocumentFeed implements DocumentFeed, Source {
  readonly channels: readonly string[];
  readonly #keys: DocumentKeys;
  readonly #wake: () => void;
  readonly #followers: Followers<DocumentSet>;
  /** Which set was told last. */
  #told: DocumentMeta | undefined;

  /** @param wake lets the next round begin now */
  constructor(prefix: string, wake: () => void, onError: OnError) {
    this.#keys = documentKeys(prefix);
    this.channels = [this.#keys.changes];
    this.#wake = wake;
    this.#followers = new Followers(1, onError, 'telling of documents');
  }

  /**
   * Stays pending until the store has documents, be it an empty set, and goes on by itself.
   * @throws Error the drivers were closed before
   */
  async follow(listener: (documents: DocumentSet) => void): Promise<Stop> {
    const following = this.#followers.add(listener);
    this.#wake();
    return await following;
  }

  close(): void {
    this.#followers.close();
  }

  heard(): void {
    this.#wake();
  }

  /** Each round reads which set it is; that is all that could have been missed. */
  forget(): void {}

  async round(reader: Connection): Promise<void> {
    if (this.#followers.isEmpty) return;
    const meta = await this.#readMeta(reader);
    if (meta === undefined || (!this.#isNews(meta) && !this.#followers.isAwaited(0))) return;
    const bodies = await reader.ask((redis) => redis.hgetall(this.#keys.bodies));
    const after = await this.#readMeta(reader);
    // Written in between: which set was read is not known.
    if (after?.digest !== meta.digest || after.identity !== meta.identity) return this.#wake();
    const byKey = Object.entries(bodies).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const documents = byKey.map(([key, body]) => documentOf(`${this.#keys.bodies} ${key}`, body));
    const set: DocumentSet = { control: meta.control, documents, ...(meta.identity === '' ? {} : { identity: meta.identity }) };
    if (this.#isNews(meta)) this.#followers.tell(set, 0);
    else this.#followers.tellAwaiting(set, 0);
    this.#told = meta;
  }

  async #readMeta(reader: Connection): Promise<DocumentMeta | undefined> {
    return documentMetaOf(await reader.ask((redis) => redis.hgetall(this.#keys.meta)), this.#keys.meta);
  }

  /** Not an older set of the same control log, which a store that fell back has until it is written again. */
  #isNews({ control, identity, digest }: DocumentMeta): boolean {
    if (this.#told === undefined || this.#told.identity !== identity) return true;
    return this.#told.digest !== digest && control >= this.#told.control;
  }
}

function documentOf(where: string, body: string): Document {
  const reading = readDocument(JSON.parse(body) as unknown);
  if ('document' in reading) return reading.document;
  throw new Error(`${where} can't be read: ${reading.problems.map(({ path, message }) => `${path}: ${message}`).join('; ')}`);
}

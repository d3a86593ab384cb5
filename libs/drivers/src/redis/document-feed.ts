/**
 * The documents in force for whoever follows them in this process (V2): the whole set whenever it is another. What the
 * store has lost is no news: the last set holds until there is a new one.
 */
import { hash } from 'node:crypto';
import type { Document, DocumentFeed, DocumentFollowOptions, DocumentSet, Stop } from '#engine';
import { readDocument } from '#wire';
import type { OnError } from '../drivers.ts';
import type { Connection } from './connection.ts';
import { documentsIn, PACKS_AT_ONCE } from './document-packs.ts';
import { documentMetaOf, type DocumentMeta } from './document-store.ts';
import type { Source } from './feed-hub.ts';
import { Followers } from '../followers.ts';
import { scanHash, scanHashBytes } from './hash-scan.ts';
import { documentKeys, type DocumentKeys } from './keys.ts';
import { mapInSlices } from './slices.ts';

type Documents = Pick<DocumentSet, 'documents' | 'alike'>;

export class RedisDocumentFeed implements DocumentFeed, Source {
  readonly channels: readonly string[];
  readonly #keys: DocumentKeys;
  readonly #wake: () => void;
  readonly #followers: Followers<DocumentSet>;
  /** Which set was told last. */
  #told: DocumentMeta | undefined;
  /** As they were read last, by their texts' fingerprints: of many, few change at a time. */
  #read: ReadonlyMap<string, Document> = new Map();
  /** By somebody, since it first was: until then none is kept. */
  #areBodiesWanted = false;

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
  async follow(listener: (documents: DocumentSet) => void, { withoutBodies = false }: DocumentFollowOptions = {}): Promise<Stop> {
    if (!withoutBodies && !this.#areBodiesWanted) {
      this.#areBodiesWanted = true;
      this.#read = new Map();
    }
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
    const areBodiesWanted = this.#areBodiesWanted;
    const found = (areBodiesWanted ? undefined : await this.#packed(meta, reader)) ?? (await this.#asWritten(meta, reader));
    if (found === undefined) return this.#wake();
    // Who wants them came while we read without.
    if (areBodiesWanted !== this.#areBodiesWanted) return this.#wake();
    const set: DocumentSet = { control: meta.control, ...found, ...(meta.identity === '' ? {} : { identity: meta.identity }) };
    if (this.#isNews(meta)) this.#followers.tell(set, 0);
    else this.#followers.tellAwaiting(set, 0);
    this.#told = meta;
  }

  /** Undefined: the store has no packs of this set, or such as are not known here. */
  async #packed(meta: DocumentMeta, reader: Connection): Promise<Documents | undefined> {
    if (meta.packs === undefined) return undefined;
    const packs = await this.#readWhile(meta, reader, () => scanHashBytes((send) => reader.ask(send), this.#keys.packs, { atOnce: PACKS_AT_ONCE }));
    return packs?.size === meta.packs ? await documentsIn(packs) : undefined;
  }

  /** Undefined: they were written in between. */
  async #asWritten(meta: DocumentMeta, reader: Connection): Promise<Documents | undefined> {
    const bodies = await this.#readWhile(meta, reader, () => scanHash((send) => reader.ask(send), this.#keys.bodies));
    return bodies && { documents: await this.#documentsOf(bodies) };
  }

  /** Undefined: it was written in between; which set was read is not known. */
  async #readWhile<T>(meta: DocumentMeta, reader: Connection, read: () => Promise<T>): Promise<T | undefined> {
    const found = await read();
    const after = await this.#readMeta(reader);
    return after?.digest === meta.digest && after.identity === meta.identity && after.packs === meta.packs ? found : undefined;
  }

  async #documentsOf(bodies: ReadonlyMap<string, string>): Promise<Document[]> {
    const [before, read] = [this.#read, new Map<string, Document>()];
    const documents = await mapInSlices([...bodies].toSorted(([a], [b]) => (a < b ? -1 : 1)), ([key, body]) => {
      const fingerprint = hash('sha256', `${key} ${body}`, 'binary');
      const document = before.get(fingerprint) ?? this.#kept(documentOf(`${this.#keys.bodies} ${key}`, body));
      read.set(fingerprint, document);
      return document;
    });
    if (before === this.#read) this.#read = read;
    return documents;
  }

  #kept(document: Document): Document {
    return this.#areBodiesWanted ? document : { ...document, body: undefined };
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

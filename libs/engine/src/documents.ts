/**
 * The documents in force: the fold of the control log up to some offset. The partitions' folds, the proxies and the
 * console all know documents through this, so a conflict is settled alike everywhere.
 */
import type { ControlRecord, Document, DocumentKey, TrafficSetting, UpstreamDocument } from './control.ts';
import { documentKey } from './control.ts';

/** What a control record did to one document; both absent never occurs. */
export interface DocumentChange {
  readonly before?: Document;
  readonly after?: Document;
}

/**
 * Why a record changes no document: it has this content already; there is none; a directory owns it; another version
 * than the one that it replaces is in force; its host belongs to another document.
 */
export type NotTaken = 'same' | 'absent' | 'directory' | 'version' | 'host';

/** What decides of a record whether it is taken. */
type Written = Pick<ControlRecord, 'change'> & Partial<Pick<ControlRecord, 'source'>>;

export class Documents {
  readonly #byKey = new Map<string, Document>();
  /** Who holds a host: of two documents for one host the second is refused (C1). By kind, so that no longer name is kept. */
  readonly #holders: Readonly<Record<DocumentKey['kind'], Map<string, Document>>> = { UpstreamTrafficSetting: new Map(), Upstream: new Map() };
  /** By key: those whose newest version a directory brought. */
  readonly #ofDirectory = new Set<string>();

  /** Undefined: nothing changed (`notTaken`). */
  apply(record: Written): DocumentChange | undefined {
    const { change, source } = record;
    if (!('document' in change)) return undefined;
    const key = documentKey(change.document);
    if (this.#notTaken(record, key) !== undefined) return undefined;
    if (source === 'directory') this.#ofDirectory.add(key);
    else this.#ofDirectory.delete(key);
    return change.kind === 'apply' ? this.#put(change.document, key) : this.#delete(key);
  }

  /** C1. Undefined: it is taken, or is no document's. */
  notTaken(record: Written): NotTaken | undefined {
    return 'document' in record.change ? this.#notTaken(record, documentKey(record.change.document)) : undefined;
  }

  #notTaken({ change, source }: Written, key: string): NotTaken | undefined {
    if (!('document' in change)) return undefined;
    const before = this.#byKey.get(key);
    if (source === 'api' && before !== undefined && this.#ofDirectory.has(key)) return 'directory';
    if (change.kind === 'delete' && before === undefined) return 'absent';
    if (change.kind === 'apply' && before !== undefined && before.version === change.document.version) return 'same';
    if (change.replaces !== undefined && change.replaces !== (before?.version ?? '')) return 'version';
    return change.kind === 'apply' && this.holderOf(change.document) !== undefined ? 'host' : undefined;
  }

  /** C1: a directory owns it, and nobody else changes it. */
  isOfDirectory(key: DocumentKey): boolean {
    return this.#ofDirectory.has(documentKey(key)) && this.get(key) !== undefined;
  }

  /** Those that a directory owns. */
  ofDirectory(): readonly Document[] {
    return [...this.#ofDirectory].flatMap((key) => this.#byKey.get(key) ?? []);
  }

  get(key: DocumentKey): Document | undefined {
    return this.#byKey.get(documentKey(key));
  }

  /** Who else holds the host that this document names. */
  holderOf(document: Document): Document | undefined {
    const holder = this.#holders[document.kind].get(nameOf(document));
    return holder === undefined || isOfKey(holder, document) ? undefined : holder;
  }

  setting(upstream: string): TrafficSetting | undefined {
    return this.#holders.UpstreamTrafficSetting.get(upstream) as TrafficSetting | undefined;
  }

  list(): readonly Document[] {
    return [...this.#byKey.values()];
  }

  #put(document: Document, key: string): DocumentChange {
    const before = this.#byKey.get(key);
    if (before !== undefined) this.#holders[before.kind].delete(nameOf(before));
    this.#holders[document.kind].set(nameOf(document), document);
    this.#byKey.set(key, document);
    return { ...(before === undefined ? {} : { before }), after: document };
  }

  #delete(key: string): DocumentChange {
    const before = this.#byKey.get(key) as Document;
    this.#holders[before.kind].delete(nameOf(before));
    this.#byKey.delete(key);
    return { before };
  }
}

/** What a document claims for itself alone: the policy of an upstream, or a host's port. */
export function hostOf(document: Document): string {
  return `${document.kind} ${nameOf(document)}`;
}

/** The same, among its kind. */
function nameOf(document: Document): string {
  return document.kind === 'Upstream' ? `${document.host}:${document.port}` : document.upstream;
}

function isOfKey(a: DocumentKey, b: DocumentKey): boolean {
  return a.name === b.name && a.namespace === b.namespace && a.kind === b.kind;
}

/** L3: a setting of HOST:PORT is about that port alone, and stands there in place of the host's. */
export function settingFinder(documents: readonly Document[]): (upstream: UpstreamDocument) => TrafficSetting | undefined {
  let settings: Map<string, TrafficSetting> | undefined;
  return ({ host, port }) => {
    settings ??= new Map(documents.flatMap((document) => (document.kind === 'UpstreamTrafficSetting' ? [[document.upstream, document]] : [])));
    return settings.get(`${host}:${port}`) ?? settings.get(host);
  };
}

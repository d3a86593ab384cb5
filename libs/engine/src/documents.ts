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

export class Documents {
  readonly #byKey = new Map<string, Document>();
  /** Who holds a host: of two documents for one host the second is refused (C1). */
  readonly #holders = new Map<string, string>();

  /** Undefined: nothing changed, or the host is held by another document. */
  apply({ change }: Pick<ControlRecord, 'change'>): DocumentChange | undefined {
    if (change.kind === 'apply') return this.#put(change.document);
    if (change.kind === 'delete') return this.#delete(change.document);
    return undefined;
  }

  get(key: DocumentKey): Document | undefined {
    return this.#byKey.get(documentKey(key));
  }

  /** Who else holds the host that this document names. */
  holderOf(document: Document): Document | undefined {
    const holder = this.#holders.get(hostOf(document));
    return holder === undefined || holder === documentKey(document) ? undefined : this.#byKey.get(holder);
  }

  setting(upstream: string): TrafficSetting | undefined {
    const holder = this.#holders.get(`UpstreamTrafficSetting ${upstream}`);
    return holder === undefined ? undefined : (this.#byKey.get(holder) as TrafficSetting);
  }

  list(): readonly Document[] {
    return [...this.#byKey.values()];
  }

  #put(document: Document): DocumentChange | undefined {
    const key = documentKey(document);
    const before = this.#byKey.get(key);
    if (before?.version === document.version || this.holderOf(document) !== undefined) return undefined;
    if (before !== undefined) this.#holders.delete(hostOf(before));
    this.#holders.set(hostOf(document), key);
    this.#byKey.set(key, document);
    return { ...(before === undefined ? {} : { before }), after: document };
  }

  #delete(of: DocumentKey): DocumentChange | undefined {
    const before = this.get(of);
    if (before === undefined) return undefined;
    this.#holders.delete(hostOf(before));
    this.#byKey.delete(documentKey(of));
    return { before };
  }
}

/** What a document claims for itself alone: the policy of an upstream, or a host's port. */
export function hostOf(document: Document): string {
  return document.kind === 'Upstream'
    ? `Upstream ${document.host}:${document.port}`
    : `UpstreamTrafficSetting ${document.upstream}`;
}

/** L3: a setting of HOST:PORT is about that port alone, and stands there in place of the host's. */
export function settingFinder(documents: readonly Document[]): (upstream: UpstreamDocument) => TrafficSetting | undefined {
  const settings = new Map<string, TrafficSetting>();
  for (const document of documents) if (document.kind === 'UpstreamTrafficSetting') settings.set(document.upstream, document);
  return ({ host, port }) => settings.get(`${host}:${port}`) ?? settings.get(host);
}

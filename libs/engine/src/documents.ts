/**
 * The documents in force: the fold of the control log up to some offset. The partitions' folds, the proxies and the
 * console all know documents through this, so a conflict is settled alike everywhere.
 */
import { textAt } from './alike-settings.ts';
import type { ControlRecord, Document, DocumentKey, TrafficSetting, UpstreamDocument } from './control.ts';
import type { DocumentSet } from './ports.ts';

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

type ByKind<T> = Readonly<Record<DocumentKey['kind'], T>>;

export class Documents {
  /** By kind, namespace, name: there are many, and no longer text is made for each. */
  readonly #byKind: ByKind<Map<string, Map<string, Document>>> = { UpstreamTrafficSetting: new Map(), Upstream: new Map() };
  /** Who holds a host: of two documents for one host the second is refused (C1). */
  readonly #holders: ByKind<Map<string, Document>> = { UpstreamTrafficSetting: new Map(), Upstream: new Map() };
  /** Those of them that a directory brought. */
  readonly #ofDirectory = new Set<Document>();

  /** Undefined: nothing changed (`notTaken`). */
  apply(record: Written): DocumentChange | undefined {
    const { change, source } = record;
    if (!('document' in change)) return undefined;
    const before = this.get(change.document);
    if (this.#notTaken(record, before) !== undefined) return undefined;
    if (before !== undefined) this.#remove(before);
    if (change.kind === 'delete') return before && { before };
    this.#put(change.document);
    if (source === 'directory') this.#ofDirectory.add(change.document);
    return { ...(before === undefined ? {} : { before }), after: change.document };
  }

  /** C1. Undefined: it is taken, or is no document's. */
  notTaken(record: Written): NotTaken | undefined {
    return 'document' in record.change ? this.#notTaken(record, this.get(record.change.document)) : undefined;
  }

  #notTaken({ change, source }: Written, before: Document | undefined): NotTaken | undefined {
    if (!('document' in change)) return undefined;
    if (source === 'api' && before !== undefined && this.#ofDirectory.has(before)) return 'directory';
    if (change.kind === 'delete' && before === undefined) return 'absent';
    if (change.kind === 'apply' && before !== undefined && before.version === change.document.version) return 'same';
    if (change.replaces !== undefined && change.replaces !== (before?.version ?? '')) return 'version';
    return change.kind === 'apply' && this.holderOf(change.document) !== undefined ? 'host' : undefined;
  }

  /** C1: a directory owns it, and nobody else changes it. */
  isOfDirectory(key: DocumentKey): boolean {
    const document = this.get(key);
    return document !== undefined && this.#ofDirectory.has(document);
  }

  /** Those that a directory owns. */
  ofDirectory(): readonly Document[] {
    return [...this.#ofDirectory];
  }

  get(key: DocumentKey): Document | undefined {
    return this.#byKind[key.kind].get(key.namespace)?.get(key.name);
  }

  /** Who else holds the host that this document names. */
  holderOf(document: Document): Document | undefined {
    const holder = this.#holders[document.kind].get(nameOf(document));
    return holder === undefined || isOfKey(holder, document) ? undefined : holder;
  }

  setting(upstream: string): TrafficSetting | undefined {
    return this.#holders.UpstreamTrafficSetting.get(upstream) as TrafficSetting | undefined;
  }

  /** In no particular order. */
  list(): readonly Document[] {
    const groups = Object.values(this.#byKind).flatMap((byNamespace) => [...byNamespace.values()]);
    return groups.flatMap((group) => [...group.values()]);
  }

  #put(document: Document): void {
    const { kind, namespace, name } = document;
    const group = this.#byKind[kind].get(namespace);
    if (group === undefined) this.#byKind[kind].set(namespace, new Map([[name, document]]));
    else group.set(name, document);
    this.#holders[kind].set(nameOf(document), document);
  }

  #remove(document: Document): void {
    this.#byKind[document.kind].get(document.namespace)?.delete(document.name);
    this.#holders[document.kind].delete(nameOf(document));
    this.#ofDirectory.delete(document);
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

/**
 * L3: a setting of HOST:PORT is about that port alone, and stands there in place of the host's. Finds for the set's own
 * Upstreams: where there are few, most settings are never looked at.
 */
export function settingFinder(set: Pick<DocumentSet, 'documents' | 'alike'>): (upstream: UpstreamDocument) => TrafficSetting | undefined {
  const { ofHosts, ofPorts } = settingsFor(set);
  return ({ host, port }) => (ofPorts.size === 0 ? undefined : ofPorts.get(`${host}:${port}`)) ?? ofHosts.get(host);
}

interface Settings {
  /** Of each host that an Upstream has. */
  readonly ofHosts: Map<string, TrafficSetting | undefined>;
  readonly ofPorts: Map<string, TrafficSetting | undefined>;
}

function settingsFor({ documents, alike = [] }: Pick<DocumentSet, 'documents' | 'alike'>): Settings {
  const settings: Settings = { ofHosts: new Map(), ofPorts: new Map() };
  for (const document of documents) if (document.kind === 'Upstream') settings.ofHosts.set(document.host, undefined);
  if (settings.ofHosts.size === 0) return settings;
  for (const document of documents) if (document.kind === 'UpstreamTrafficSetting') groupFor(document.upstream, settings)?.set(document.upstream, document);
  for (const group of alike) {
    for (let index = 0; index < group.size; index++) {
      const upstream = textAt(group.upstreams, index);
      groupFor(upstream, settings)?.set(upstream, group.at(index));
    }
  }
  return settings;
}

/** Undefined: no Upstream asks for it. */
function groupFor(upstream: string, { ofHosts, ofPorts }: Settings): Map<string, TrafficSetting | undefined> | undefined {
  if (ofHosts.has(upstream)) return ofHosts;
  return ofHosts.has(upstream.replace(/:\d+$/, '')) ? ofPorts : undefined;
}

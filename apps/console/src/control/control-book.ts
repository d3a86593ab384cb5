/**
 * The control log as people ask about it: each document in force with who applied it and why, and what was said about
 * each upstream, taken or not. It is folded by the engine's `Documents`, so it says of a record what every fold says.
 */
import { ControlView, Documents, documentKey, hostOf, type ControlLog, type ControlRecord, type Document, type DocumentKey, type NotTaken } from '#engine';

/** A document in force. */
export interface Applied {
  readonly document: Document;
  readonly record: ControlRecord;
  /** As its operator wrote it, to the byte; absent: it was not kept. */
  readonly written?: string;
}

/** A record about documents or overrides. */
export interface Said {
  readonly record: ControlRecord;
  /** What it is about; of a policy whose host changed both. */
  readonly upstreams: readonly string[];
  /** Of a document. */
  readonly before?: Document;
  /** Absent: it was taken. */
  readonly notTaken?: NotTaken;
}

export class ControlBook {
  readonly #view: ControlView;
  readonly #documents = new Documents();
  readonly #applied = new Map<string, Applied>();
  readonly #said: Said[] = [];
  readonly #byUpstream = new Map<string, Said[]>();
  /** Of `all`, until something changes. */
  #sorted: readonly Applied[] | undefined;
  #upTo = -1;

  constructor(log: ControlLog) {
    this.#view = new ControlView(log);
  }

  /** Reads on to the log's end as it is now. Rejects while the log can't be read. */
  async refresh(): Promise<void> {
    await this.#view.refresh();
    while (this.#upTo < this.#view.latest) {
      this.#upTo++;
      const record = this.#view.at(this.#upTo);
      if (record !== undefined) this.#take(record);
    }
  }

  /** What came of a record that was appended. */
  async cameOf(offset: number): Promise<Said | undefined> {
    if (offset > this.#upTo) await this.refresh();
    return this.#said.findLast(({ record }) => record.offset === offset);
  }

  /** What would come of it at the log's end. */
  wouldNotTake(record: Pick<ControlRecord, 'change' | 'source'>): NotTaken | undefined {
    return this.#documents.notTaken(record);
  }

  applied(key: DocumentKey): Applied | undefined {
    return this.#applied.get(documentKey(key));
  }

  /** What that record put in force, or would have: as it was said. Undefined: it is not about that, or not there. */
  appliedBy(offset: number): Applied | undefined {
    const record = this.#view.at(offset);
    return record?.change.kind === 'apply' ? { document: record.change.document, record, ...writtenIn(record.change) } : undefined;
  }

  /** In the order of kind, namespace and name. */
  all(): readonly Applied[] {
    this.#sorted ??= [...this.#applied].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, applied]) => applied);
    return this.#sorted;
  }

  holderOf(document: Document): Document | undefined {
    return this.#documents.holderOf(document);
  }

  isOfDirectory(key: DocumentKey): boolean {
    return this.#documents.isOfDirectory(key);
  }

  /** Is there a policy with a breaker? */
  hasBreaker(upstream: string): boolean {
    return this.#documents.setting(upstream)?.breaker !== undefined;
  }

  /** Oldest first. @param upstream '': of all */
  said(upstream: string): readonly Said[] {
    return upstream === '' ? this.#said : (this.#byUpstream.get(upstream) ?? []);
  }

  #take(record: ControlRecord): void {
    const said = this.#read(record);
    if (said === undefined) return;
    this.#said.push(said);
    this.#sorted = undefined;
    for (const upstream of said.upstreams) {
      const others = this.#byUpstream.get(upstream);
      if (others === undefined) this.#byUpstream.set(upstream, [said]);
      else others.push(said);
    }
  }

  #read(record: ControlRecord): Said | undefined {
    const { change } = record;
    if ('upstream' in change) return { record, upstreams: [change.upstream] };
    if (!('document' in change)) return undefined;
    const key = documentKey(change.document);
    const before = this.#applied.get(key);
    const notTaken = this.#documents.notTaken(record);
    this.#documents.apply(record);
    if (change.kind === 'apply' && notTaken === undefined) this.#applied.set(key, { document: change.document, record, ...writtenIn(change) });
    else if (change.kind === 'apply' && notTaken === 'same' && before !== undefined) this.#applied.set(key, { ...before, ...writtenIn(change) });
    else if (notTaken === undefined) this.#applied.delete(key);
    const about = [before?.document, change.kind === 'apply' ? change.document : undefined].flatMap((document) => (document === undefined ? [] : [aboutOf(document)]));
    return { record, upstreams: [...new Set(about)], ...(before && { before: before.document }), ...(notTaken && { notTaken }) };
  }
}

function writtenIn({ written }: { readonly written?: string }): { written?: string } {
  return written === undefined ? {} : { written };
}

/** Of a policy the upstream, of an Upstream HOST:PORT. */
export function aboutOf(document: Document): string {
  return hostOf(document).slice(document.kind.length + 1);
}

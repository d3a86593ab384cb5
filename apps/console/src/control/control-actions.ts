/**
 * What an operator can do, whatever surface it comes in by. Each ends as one record of the control log, and is answered
 * from what the fold makes of it: a check before the write only spares a record, the log's order decides (C1).
 */
import { Inject, Injectable } from '@nestjs/common';
import { DRIVERS } from '#drivers';
import { documentKey, type ControlChange, type ControlDraft, type Document, type DocumentKey, type NotTaken } from '#engine';
import { RUNTIME, type Runtime } from '#runtime';
import { encodeControl } from '#wire';
import { invalid, isRefusal, unknownUpstream, type ConsoleDrivers, type Refusal } from '../breaker-queries.ts';
import { ReadModel } from '../read-model.ts';
import { aboutOf, ControlBook, type Said } from './control-book.ts';
import { checkedBy, checkedDocument, checkedDuration, checkedReplaced, checkedWait, type By } from './control-checks.ts';
import { planOf, type PolicyPlan } from './control-plan.ts';
import { inForceAt, type Awaited } from './in-force.ts';

export interface Apply extends By {
  /** YAML or JSON. */
  readonly document: string;
  /** '': whatever there is; `none`: there must be none. */
  readonly replacesVersion: string;
  readonly dryRun: boolean;
  readonly waitMs?: number | undefined;
}

export interface Delete extends By {
  readonly key: DocumentKey;
  readonly replacesVersion: string;
  readonly waitMs?: number | undefined;
}

export interface Force extends By {
  readonly upstream: string;
  readonly to: 'open' | 'closed';
  /** Absent: until cleared. */
  readonly durationMs?: number | undefined;
  readonly waitMs?: number | undefined;
}

export interface Clear extends By {
  readonly upstream: string;
  readonly waitMs?: number | undefined;
}

export interface Done {
  readonly controlOffset: number;
  /** ms since 1970; absent: it was not waited for, or not in force in time. */
  readonly inForceAtMs?: number;
}

export interface AppliedAnswer extends Done {
  readonly document: Document;
  readonly warnings: readonly string[];
  readonly plan: PolicyPlan;
}

/** Below what a broker takes as one record by default, with room for what it adds. */
const RECORD_BYTES_MAX = 1_000_000;

@Injectable()
export class ControlActions {
  readonly book: ControlBook;
  readonly #model: ReadModel;
  readonly #drivers: ConsoleDrivers;
  readonly #runtime: Pick<Runtime, 'logger'>;

  constructor(@Inject(ReadModel) model: ReadModel, @Inject(DRIVERS) drivers: ConsoleDrivers, @Inject(RUNTIME) runtime: Pick<Runtime, 'logger'>) {
    this.book = new ControlBook(drivers.control);
    this.#model = model;
    this.#drivers = drivers;
    this.#runtime = runtime;
  }

  async apply({ document: text, replacesVersion, dryRun, waitMs, ...who }: Apply): Promise<AppliedAnswer | Refusal> {
    const checked = firstRefusal(checkedBy(who), checkedDocument(text), checkedReplaced(replacesVersion), checkedWait(waitMs));
    if (isRefusal(checked)) return checked;
    const [by, read, replaced, wait] = checked;
    const known = await this.refreshed();
    if (known !== undefined) return known;
    const { document, written } = read;
    const draft: ControlDraft = { ...by, source: 'api', change: { kind: 'apply', document, written, ...replaced } };
    const refused = tooLarge(draft) ?? this.#listenTaken(document) ?? this.#refusal(document, this.book.wouldNotTake(draft), replacesVersion);
    if (refused !== undefined) return refused;
    const before = this.book.applied(document);
    const view = this.#model.breaker(aboutOf(document));
    const plan = planOf({ before: before?.document, after: document, view, nowMs: Date.now() });
    const answer = { document, warnings: read.warnings, plan };
    if (dryRun) return { ...answer, controlOffset: 0 };
    const awaited = { ...wait, upstreams: breakersOf(before?.document, document), isDocument: plan.change !== 'none' };
    if (before !== undefined && plan.change === 'none' && before.written === written) return { ...answer, ...(await this.#inForce(before.record.offset, awaited)) };
    const done = await this.#write(draft, { ...awaited, asked: replacesVersion });
    return isRefusal(done) ? done : { ...answer, ...done };
  }

  async delete({ key, replacesVersion, waitMs, ...who }: Delete): Promise<Done | Refusal> {
    const checked = firstRefusal(checkedBy(who), checkedReplaced(replacesVersion), checkedWait(waitMs));
    if (isRefusal(checked)) return checked;
    const [by, replaced, wait] = checked;
    const known = await this.refreshed();
    if (known !== undefined) return known;
    const change: ControlChange = { kind: 'delete', document: key, ...replaced };
    const draft: ControlDraft = { ...by, source: 'api', change };
    const refused = this.#refusal(key, this.book.wouldNotTake(draft), replacesVersion);
    if (refused !== undefined) return refused;
    const upstreams = breakersOf(this.book.applied(key)?.document);
    return await this.#write(draft, { ...wait, asked: replacesVersion, upstreams, isDocument: true });
  }

  /** Whoever owns the policy. */
  async force({ upstream: asked, to, durationMs, waitMs, ...who }: Force): Promise<Done | Refusal> {
    const checked = firstRefusal(checkedBy(who), checkedDuration(durationMs), checkedWait(waitMs));
    if (isRefusal(checked)) return checked;
    const [by, lasting, wait] = checked;
    const upstream = await this.#upstream(asked);
    if (typeof upstream !== 'string') return upstream;
    return await this.#write({ ...by, source: 'api', change: { kind: 'force', upstream, to, ...lasting } }, { ...wait, asked: '', upstreams: [upstream], isDocument: false });
  }

  /** Where nothing is forced it is written all the same, and changes nothing. */
  async clear({ upstream: asked, waitMs, ...who }: Clear): Promise<Done | Refusal> {
    const checked = firstRefusal(checkedBy(who), checkedWait(waitMs));
    if (isRefusal(checked)) return checked;
    const [by, wait] = checked;
    const upstream = await this.#upstream(asked);
    if (typeof upstream !== 'string') return upstream;
    return await this.#write({ ...by, source: 'api', change: { kind: 'clear', upstream } }, { ...wait, asked: '', upstreams: [upstream], isDocument: false });
  }

  /** The book as the log is now; a refusal where that can't be read. */
  async refreshed(): Promise<Refusal | undefined> {
    try {
      await this.book.refresh();
      return undefined;
    } catch (error) {
      this.#runtime.logger.warn({ err: error }, 'the control log could not be read');
      return { refused: 'unavailable', message: 'the control log cannot be read right now; nothing was done' };
    }
  }

  async #upstream(asked: string): Promise<string | Refusal> {
    const upstream = asked.toLowerCase();
    if (upstream === '') return invalid('upstream', 'nothing', "an upstream's name, such as demo.local");
    const known = await this.refreshed();
    if (known !== undefined) return known;
    if (this.book.hasBreaker(upstream)) return upstream;
    return unknownUpstream(asked, this.#model);
  }

  async #write(draft: ControlDraft, { asked, ...awaited }: Omit<Awaited, 'offset'> & { readonly asked: string }): Promise<Done | Refusal> {
    let offset: number;
    let said: Said | undefined;
    try {
      offset = await this.#drivers.control.append([draft]);
      said = await this.book.cameOf(offset);
    } catch (error) {
      this.#runtime.logger.warn({ err: error }, 'a control record could not be written');
      return { refused: 'unavailable', message: 'the control log could not be written and read back; it is not known whether the record is there: look before you repeat it' };
    }
    const { change, author } = draft;
    if ('document' in change && said?.notTaken !== undefined && said.notTaken !== 'same') {
      return this.#refusal(change.document, said.notTaken, asked) ?? { refused: 'conflict', message: 'it was not taken' };
    }
    this.#runtime.logger.info({ control: offset, author }, `control: ${describe(change)} by ${author}`);
    return await this.#inForce(offset, awaited);
  }

  async #inForce(offset: number, awaited: Omit<Awaited, 'offset'>): Promise<Done> {
    const inForce = await inForceAt(this.#model, this.#drivers.partitions, { offset, ...awaited });
    return { controlOffset: offset, ...(inForce !== undefined && { inForceAtMs: inForce }) };
  }

  /** Undefined: nothing is in the way. */
  #refusal(of: DocumentKey | Document, why: NotTaken | undefined, asked: string): Refusal | undefined {
    const name = documentKey(of);
    const inForce = this.book.applied(of);
    switch (why) {
      case 'directory':
        return { refused: 'precondition', message: `${name} belongs to a directory (${inForce?.record.reason ?? 'of an ingest'}); allowed: change it there. Overrides can be set here` };
      case 'version':
        return { refused: 'conflict', message: `${name} is version ${inForce?.document.version ?? 'none'} by now, not ${asked}${inForce === undefined ? '' : `: ${inForce.record.author} was first (${inForce.record.reason})`}; look at it, and apply again` };
      case 'absent':
        return { refused: 'not-found', message: `there is no ${name}` };
      case 'host': {
        const holder = 'version' in of ? this.book.holderOf(of) : undefined;
        return { refused: 'precondition', message: `spec.host: it belongs to ${holder === undefined ? 'another document' : documentKey(holder)}; allowed: one document for each host` };
      }
      case 'same':
      case undefined:
        return undefined;
    }
  }

  /** No fold refuses it, but no proxy could serve both. */
  #listenTaken(document: Document): Refusal | undefined {
    if (document.kind !== 'Upstream' || document.listen === undefined || document.listen.endsWith(':0')) return undefined;
    const { listen } = document;
    const holder = this.book.all().find(({ document: other }) => other.kind === 'Upstream' && other.listen === listen && documentKey(other) !== documentKey(document));
    return holder && { refused: 'precondition', message: `spec.listen: ${listen} belongs to ${documentKey(holder.document)}; allowed: a listener of its own` };
  }
}

/** Whose breakers it concerns. */
function breakersOf(...documents: readonly (Document | undefined)[]): string[] {
  return documents.flatMap((document) => (document?.kind === 'UpstreamTrafficSetting' && document.breaker !== undefined ? [document.upstream] : []));
}

function tooLarge(draft: ControlDraft): Refusal | undefined {
  const bytes = encodeControl(draft).byteLength;
  return bytes > RECORD_BYTES_MAX ? invalid('document', `${bytes} bytes as a record`, `at most ${RECORD_BYTES_MAX}`) : undefined;
}

function describe(change: ControlChange): string {
  switch (change.kind) {
    case 'apply':
      return `${documentKey(change.document)} is applied, version ${change.document.version},`;
    case 'delete':
      return `${documentKey(change.document)} is deleted`;
    case 'force':
      return `${change.upstream} is forced ${change.to}`;
    default:
      return 'upstream' in change ? `the override of ${change.upstream} is cleared` : change.kind;
  }
}

type Checked<T extends readonly object[]> = { readonly [K in keyof T]: Exclude<T[K], Refusal> };

function firstRefusal<const T extends readonly object[]>(...checks: T): Checked<T> | Refusal {
  return checks.find((check): check is Refusal => isRefusal(check)) ?? (checks as unknown as Checked<T>);
}


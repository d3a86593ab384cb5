/** What was said in the control log, page by page: documents in force, and records. */
import { Inject, Injectable } from '@nestjs/common';
import { documentKey } from '#engine';
import { isRefusal, pageSize, placeOf, type PageRequest, type Refusal } from '../breaker-queries.ts';
import { encodePageToken } from '../page-token.ts';
import { ControlActions } from './control-actions.ts';
import type { Applied, Said } from './control-book.ts';
import { documentText } from './document-text.ts';

/** '' is any. */
export interface KeyFilter {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface PolicyList {
  readonly policies: readonly Applied[];
  readonly nextPageToken: string;
}

export interface SaidList {
  /** Newest first. */
  readonly records: readonly Said[];
  readonly nextPageToken: string;
}

/** Of documents in one page, bytes: a message holds 4 MiB. At least one document is in each. */
const PAGE_BYTES_MAX = 2_097_152;

@Injectable()
export class ControlQueries {
  readonly #actions: ControlActions;

  constructor(@Inject(ControlActions) actions: ControlActions) {
    this.#actions = actions;
  }

  async policies({ key, ...page }: PageRequest & { readonly key: KeyFilter }): Promise<PolicyList | Refusal> {
    const question = `policies ${JSON.stringify(key)}`;
    const place = await this.#place(page, question);
    if (isRefusal(place)) return place;
    const matching = this.#actions.book.all().filter(({ document }) => fits(document, key));
    const rest = place.after === undefined ? matching : matching.filter(({ document }) => documentKey(document) > (place.after as string));
    const policies = withinBytes(rest.slice(0, place.size));
    const last = policies.at(-1);
    return { policies, nextPageToken: last !== undefined && policies.length < rest.length ? encodePageToken({ of: question, at: documentKey(last.document) }) : '' };
  }

  /** @param upstream '': of all */
  async records({ upstream, ...page }: PageRequest & { readonly upstream: string }): Promise<SaidList | Refusal> {
    const question = `control ${upstream}`;
    const place = await this.#place(page, question);
    if (isRefusal(place)) return place;
    const before = place.after === undefined ? Infinity : Number(place.after);
    const rest = this.#actions.book.said(upstream.toLowerCase()).filter(({ record }) => record.offset < before);
    const records = rest.slice(-place.size).toReversed();
    return { records, nextPageToken: records.length < rest.length ? encodePageToken({ of: question, at: `${records.at(-1)?.record.offset}` }) : '' };
  }

  async appliedBy(offset: number): Promise<Applied | Refusal> {
    const away = await this.#actions.refreshed();
    if (away !== undefined) return away;
    return this.#actions.book.appliedBy(offset) ?? { refused: 'not-found', message: `control record ${offset} applied no document` };
  }

  async #place({ pageSize: asked, pageToken }: PageRequest, question: string): Promise<{ size: number; after: string | undefined } | Refusal> {
    const size = pageSize(asked);
    if (typeof size !== 'number') return size;
    const after = placeOf(pageToken, question);
    if (typeof after === 'object') return after;
    return (await this.#actions.refreshed()) ?? { size, after };
  }
}

function fits(document: Applied['document'], { kind, namespace, name }: KeyFilter): boolean {
  return [[kind, document.kind], [namespace, document.namespace], [name, document.name]].every(([asked, is]) => asked === '' || asked === is);
}

function withinBytes(policies: readonly Applied[]): readonly Applied[] {
  let bytes = 0;
  const over = policies.findIndex((applied, n) => {
    bytes += Buffer.byteLength(documentText(applied));
    return n > 0 && bytes > PAGE_BYTES_MAX;
  });
  return over === -1 ? policies : policies.slice(0, over);
}

/** What was said in the control log, page by page: documents in force, and records. */
import { Inject, Injectable } from '@nestjs/common';
import { documentKey } from '#engine';
import { isRefusal, pageSize, placeOf, type PageRequest, type Refusal } from '../breaker-queries.ts';
import { encodePageToken } from '../page-token.ts';
import { ControlActions } from './control-actions.ts';
import type { Applied } from './control-book.ts';
import { entryMessage, policyMessage, type TimeForm } from './control-messages.ts';

/** '' is any. */
export interface KeyFilter {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface MessagePage {
  readonly messages: readonly object[];
  readonly nextPageToken: string;
}

/** Of a page as JSON, bytes; in protobuf, where a message holds 4 MiB, it is smaller. One at least is in each: none alone comes near that. */
const PAGE_BYTES_MAX = 2_097_152;

@Injectable()
export class ControlQueries {
  readonly #actions: ControlActions;

  constructor(@Inject(ControlActions) actions: ControlActions) {
    this.#actions = actions;
  }

  async policies({ key, ...page }: PageRequest & { readonly key: KeyFilter }, time: TimeForm): Promise<MessagePage | Refusal> {
    const question = `policies ${JSON.stringify(key)}`;
    const place = await this.#place(page, question);
    if (isRefusal(place)) return place;
    const matching = this.#actions.book.all().filter(({ document }) => fits(document, key));
    const rest = place.after === undefined ? matching : matching.filter(({ document }) => documentKey(document) > (place.after as string));
    const messages = withinBytes(rest.slice(0, place.size), (applied) => policyMessage(applied, time));
    const last = rest[messages.length - 1];
    return { messages, nextPageToken: last !== undefined && messages.length < rest.length ? encodePageToken({ of: question, at: documentKey(last.document) }) : '' };
  }

  /** Newest first. @param upstream '': of all */
  async records({ upstream, ...page }: PageRequest & { readonly upstream: string }, time: TimeForm): Promise<MessagePage | Refusal> {
    const question = `control ${upstream}`;
    const place = await this.#place(page, question);
    if (isRefusal(place)) return place;
    const before = place.after === undefined ? Infinity : Number(place.after);
    const rest = this.#actions.book.said(upstream.toLowerCase()).filter(({ record }) => record.offset < before);
    const messages = withinBytes(rest.slice(-place.size).toReversed(), (said) => entryMessage(said, time));
    return { messages, nextPageToken: messages.length < rest.length ? encodePageToken({ of: question, at: `${rest.at(-messages.length)?.record.offset}` }) : '' };
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

/** The first of them, as many as fit. */
function withinBytes<T>(listed: readonly T[], messageOf: (one: T) => object): object[] {
  const messages: object[] = [];
  let bytes = 0;
  for (const one of listed) {
    const message = messageOf(one);
    bytes += Buffer.byteLength(JSON.stringify(message));
    if (messages.length > 0 && bytes > PAGE_BYTES_MAX) break;
    messages.push(message);
  }
  return messages;
}

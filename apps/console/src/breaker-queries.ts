/** What can be asked of the console, whatever surface it comes in by: gRPC and HTTP answer from here, and alike. */
import { Inject, Injectable } from '@nestjs/common';
import { DRIVERS, type Drivers } from '#drivers';
import type { BreakerState, Policy, Transition } from '#engine';
import { RUNTIME, type Runtime } from '#runtime';
import type { BreakerView } from './breaker-view.ts';
import { decodePageToken, encodePageToken } from './page-token.ts';
import { ReadModel } from './read-model.ts';

/**
 * Why a question has no answer, or nothing was done. `invalid`: `message` begins with the field's name. `conflict`: somebody
 * else was first; `precondition`: it can't be done here, and `message` says where.
 */
export interface Refusal {
  readonly refused: 'invalid' | 'not-found' | 'unavailable' | 'conflict' | 'precondition';
  readonly message: string;
}

/** As asked: 0 and '' are "not given", as protobuf has it. */
export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface BreakerList {
  readonly breakers: readonly BreakerView[];
  /** '': that was the last page. */
  readonly nextPageToken: string;
}

export interface TransitionList {
  readonly transitions: readonly Transition[];
  readonly nextPageToken: string;
}

const PAGE_SIZE_DEFAULT = 100;
const PAGE_SIZE_MAX = 1_000;
export const PAGE_SIZE_ALLOWED = `1 to ${PAGE_SIZE_MAX}, or 0 for ${PAGE_SIZE_DEFAULT}`;

/** The part of the drivers that the console uses. */
export type ConsoleDrivers = Pick<Drivers, 'stateFeed' | 'documentFeed' | 'transitions' | 'reader' | 'control' | 'partitions' | 'presence'>;

@Injectable()
export class BreakerQueries {
  readonly #model: ReadModel;
  readonly #drivers: ConsoleDrivers;
  readonly #runtime: Pick<Runtime, 'logger'>;

  constructor(@Inject(ReadModel) model: ReadModel, @Inject(DRIVERS) drivers: ConsoleDrivers, @Inject(RUNTIME) runtime: Pick<Runtime, 'logger'>) {
    this.#model = model;
    this.#drivers = drivers;
    this.#runtime = runtime;
  }

  get(upstream: string): BreakerView | Refusal {
    if (upstream === '') return invalid('upstream', 'nothing', "an upstream's name, such as demo.local");
    return this.#model.breaker(upstream.toLowerCase()) ?? this.#unknown(upstream);
  }

  /** What its newest document says of it; undefined: not known, or none. */
  policy(upstream: string): Policy | undefined {
    return this.#model.policy(upstream);
  }

  /** Set while there may be breakers that aren't known here. */
  get incomplete(): Refusal | undefined {
    const message = this.#model.incompleteBecause;
    return message === undefined ? undefined : { refused: 'unavailable', message };
  }

  /** @param state '': any */
  list({ state, ...page }: PageRequest & { readonly state: BreakerState | '' }): BreakerList | Refusal {
    const size = pageSize(page.pageSize);
    if (typeof size !== 'number') return size;
    const question = `breakers ${state}`;
    const after = placeOf(page.pageToken, question);
    if (typeof after === 'object') return after;
    if (this.incomplete !== undefined) return this.incomplete;
    const found = this.#model.breakers({ limit: size, ...(state !== '' && { state }), ...(after !== undefined && { after }) });
    const last = found.breakers.at(-1)?.snapshot.upstream;
    return { breakers: found.breakers, nextPageToken: found.more && last !== undefined ? encodePageToken({ of: question, at: last }) : '' };
  }

  /** Newest first. @param upstream '': of all */
  async transitions({ upstream, ...page }: PageRequest & { readonly upstream: string }): Promise<TransitionList | Refusal> {
    const size = pageSize(page.pageSize);
    if (typeof size !== 'number') return size;
    const name = upstream.toLowerCase();
    const question = `transitions ${name}`;
    const place = placeOf(page.pageToken, question);
    if (typeof place === 'object') return place;
    if (name !== '' && this.#model.breaker(name) === undefined) return this.#unknown(upstream);
    try {
      const found = await this.#drivers.transitions.list({ limit: size, ...(name !== '' && { upstream: name }), ...(place !== undefined && { pageToken: place }) });
      const { transitions, nextPageToken } = found;
      return { transitions, nextPageToken: nextPageToken === undefined ? '' : encodePageToken({ of: question, at: nextPageToken }) };
    } catch (error) {
      if (error instanceof RangeError) return invalidToken();
      this.#runtime.logger.warn({ err: error }, 'the transitions could not be read');
      return { refused: 'unavailable', message: 'the transitions cannot be read right now' };
    }
  }

  /** "Could not read" never looks like "not there". */
  #unknown(upstream: string): Refusal {
    const incomplete = this.#model.incompleteBecause;
    if (incomplete !== undefined) return { refused: 'unavailable', message: `upstream ${upstream} is not known, but ${incomplete}` };
    return unknownUpstream(upstream, this.#model);
  }
}

/** @param asked as it was written */
export function unknownUpstream(asked: string, model: ReadModel): Refusal {
  const like = model.nameLike(asked);
  return { refused: 'not-found', message: `there is no upstream ${asked}: no policy with circuitBreaking names that host${like === undefined ? '' : `; did you mean ${like}?`}` };
}

export function pageSize(asked: number): number | Refusal {
  if (asked === 0) return PAGE_SIZE_DEFAULT;
  if (Number.isInteger(asked) && asked > 0 && asked <= PAGE_SIZE_MAX) return asked;
  return invalid('page_size', String(asked), PAGE_SIZE_ALLOWED);
}

/** Undefined: from the start. */
export function placeOf(token: string, question: string): string | undefined | Refusal {
  if (token === '') return undefined;
  return decodePageToken(token, question) ?? invalidToken();
}

function invalidToken(): Refusal {
  return invalid('page_token', 'one that no page of this question gave', 'the next_page_token of the page before, with the same filter');
}

export function invalid(field: string, found: string, allowed: string): Refusal {
  return { refused: 'invalid', message: `${field}: found ${found}, allowed: ${allowed}` };
}

export function isRefusal(answer: object): answer is Refusal {
  return 'refused' in answer;
}

/** `/api/v1/…`: the read side as JSON. */
import { Controller, Get, HttpException, Inject, Param, Query } from '@nestjs/common';
import { BreakerQueries, PAGE_SIZE_ALLOWED, invalid, isRefusal, type PageRequest, type Refusal } from './breaker-queries.ts';
import type { BreakerView } from './breaker-view.ts';
import { breakerJson, transitionJson } from './json.ts';

const STATUS: Readonly<Record<Refusal['refused'], number>> = { invalid: 400, 'not-found': 404, unavailable: 503 };

/** As Express gives it; a parameter that is given twice is a list. */
type RawQuery = Readonly<Record<string, unknown>>;

@Controller('api/v1/breakers')
export class HttpController {
  readonly #queries: BreakerQueries;

  constructor(@Inject(BreakerQueries) queries: BreakerQueries) {
    this.#queries = queries;
  }

  @Get()
  list(@Query() query: RawQuery): object {
    const state = word(query, 'state');
    if (state !== '' && state !== 'open' && state !== 'closed') throw asHttp(invalid('state', JSON.stringify(state), 'open or closed'));
    const { breakers, nextPageToken } = answered(this.#queries.list({ state, ...pageOf(query) }));
    return { breakers: breakers.map((view) => this.#json(view)), next_page_token: nextPageToken };
  }

  @Get(':upstream')
  get(@Param('upstream') upstream: string): object {
    return this.#json(answered(this.#queries.get(upstream)));
  }

  @Get(':upstream/transitions')
  async transitions(@Param('upstream') upstream: string, @Query() query: RawQuery): Promise<object> {
    const { transitions, nextPageToken } = answered(await this.#queries.transitions({ upstream, ...pageOf(query) }));
    return { transitions: transitions.map(transitionJson), next_page_token: nextPageToken };
  }

  #json(view: BreakerView): object {
    return breakerJson(view, this.#queries.policy(view.snapshot.upstream));
  }
}

function pageOf(query: RawQuery): PageRequest {
  const size = word(query, 'page_size');
  if (!/^\d{0,9}$/.test(size)) throw asHttp(invalid('page_size', JSON.stringify(size), PAGE_SIZE_ALLOWED));
  return { pageSize: Number(size), pageToken: word(query, 'page_token') };
}

function word(query: RawQuery, name: string): string {
  const value = query[name] ?? '';
  if (typeof value === 'string') return value;
  throw asHttp(invalid(name, 'it more than once', 'one value'));
}

function answered<T extends object>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw asHttp(answer);
  return answer;
}

export function asHttp({ refused, message }: Refusal): HttpException {
  return new HttpException(message, STATUS[refused]);
}

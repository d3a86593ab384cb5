/** `/api/v1/…`: the read side as JSON. */
import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { BreakerQueries, invalid } from './breaker-queries.ts';
import type { BreakerView } from './breaker-view.ts';
import { answered, asHttp, pageOf, word, type RawQuery } from './http-answers.ts';
import { breakerJson, transitionJson } from './json.ts';

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

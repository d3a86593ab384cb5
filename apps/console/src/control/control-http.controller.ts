/** `/api/v1/…`: the same by HTTP, for the page and for programs without gRPC. Nothing is changed by a GET. */
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import type { DocumentKey } from '#engine';
import { invalid } from '../breaker-queries.ts';
import { answered, asHttp, offsetOf, pageOf, word, type RawQuery } from '../http-answers.ts';
import { ControlActions } from './control-actions.ts';
import type { By } from './control-checks.ts';
import { appliedMessage, asRfc3339, doneMessage, policyMessage } from './control-messages.ts';
import { ControlQueries } from './control-queries.ts';
import { JsonBody } from './json-body.ts';

/** How long an answer waits for what was said to be in force, where the body doesn't say. */
const WAIT_DEFAULT_MS = 5_000;

@Controller('api/v1')
export class ControlHttpController {
  readonly #actions: ControlActions;
  readonly #queries: ControlQueries;

  constructor(@Inject(ControlActions) actions: ControlActions, @Inject(ControlQueries) queries: ControlQueries) {
    this.#actions = actions;
    this.#queries = queries;
  }

  @Post('breakers/:upstream/override')
  @HttpCode(200)
  async override(@Param('upstream') upstream: string, @Body() raw: unknown): Promise<object> {
    const body = JsonBody.of(raw, ['to', 'for', 'until_cleared', 'author', 'reason', 'wait']);
    const to = body.oneOf('to', ['open', 'closed']);
    const durationMs = body.duration('for');
    const isUntilCleared = body.flag('until_cleared');
    if ((durationMs === undefined) !== isUntilCleared) throw asHttp(invalid('for', durationMs === undefined ? 'nothing' : 'it beside until_cleared', 'a duration such as "10m", or "until_cleared": true'));
    const asked = { upstream, to, durationMs, ...byOf(body), ...waitOf(body) };
    return doneMessage(answered(await this.#actions.force(asked)), asRfc3339);
  }

  @Delete('breakers/:upstream/override')
  async clear(@Param('upstream') upstream: string, @Body() raw: unknown): Promise<object> {
    const body = JsonBody.of(raw, ['author', 'reason', 'wait']);
    return doneMessage(answered(await this.#actions.clear({ upstream, ...byOf(body), ...waitOf(body) })), asRfc3339);
  }

  /** What was said about an upstream by hand and by directories, newest first. */
  @Get('breakers/:upstream/control')
  async records(@Param('upstream') upstream: string, @Query() query: RawQuery): Promise<object> {
    const { messages, nextPageToken } = answered(await this.#queries.records({ upstream, ...pageOf(query) }, asRfc3339));
    return { records: messages, next_page_token: nextPageToken };
  }

  /** A document as one record applied it, whatever came after. */
  @Get('control/:offset/document')
  async appliedBy(@Param('offset') text: string): Promise<object> {
    return policyMessage(answered(await this.#queries.appliedBy(offsetOf(text))), asRfc3339);
  }

  @Get('policies')
  async policies(@Query() query: RawQuery): Promise<object> {
    const key = { kind: word(query, 'kind'), namespace: word(query, 'namespace'), name: word(query, 'name') };
    const { messages, nextPageToken } = answered(await this.#queries.policies({ key, ...pageOf(query) }, asRfc3339));
    return { policies: messages, next_page_token: nextPageToken };
  }

  @Post('policies')
  @HttpCode(200)
  async apply(@Body() raw: unknown): Promise<object> {
    const body = JsonBody.of(raw, ['document', 'author', 'reason', 'replaces_version', 'dry_run', 'wait']);
    const asked = { document: body.text('document'), replacesVersion: body.text('replaces_version'), dryRun: body.flag('dry_run'), ...byOf(body), ...waitOf(body) };
    return appliedMessage(answered(await this.#actions.apply(asked)), asRfc3339);
  }

  @Delete('policies/:kind/:namespace/:name')
  async delete(@Param() { kind, namespace, name }: { kind: string; namespace: string; name: string }, @Body() raw: unknown): Promise<object> {
    const body = JsonBody.of(raw, ['author', 'reason', 'replaces_version', 'wait']);
    if (kind !== 'UpstreamTrafficSetting' && kind !== 'Upstream') throw asHttp(invalid('kind', JSON.stringify(kind), 'UpstreamTrafficSetting or Upstream'));
    const key: DocumentKey = { kind, namespace, name };
    return doneMessage(answered(await this.#actions.delete({ key, replacesVersion: body.text('replaces_version'), ...byOf(body), ...waitOf(body) })), asRfc3339);
  }
}

function byOf(body: JsonBody): By {
  return { author: body.text('author'), reason: body.text('reason') };
}

function waitOf(body: JsonBody): { waitMs: number } {
  return { waitMs: body.duration('wait') ?? WAIT_DEFAULT_MS };
}

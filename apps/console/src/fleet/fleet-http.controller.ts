/** `/api/v1/fleet`: the processes once, and as server-sent events. */
import type { ServerResponse } from 'node:http';
import { Controller, Get, HttpException, Inject, Query, Res } from '@nestjs/common';
import { answered, asHttp, word, type RawQuery } from '../http-answers.ts';
import { invalid } from '../breaker-queries.ts';
import { fleetJson, queryOf } from './fleet-answers.ts';
import { FleetView, type FleetQuery } from './fleet-view.ts';

/** Readers at once; each is told up to a thousand processes. */
const READERS_MAX = 100;
const TELL_EACH_MS = 2_000;
/** After which time a reader whose stream was cut should come again, ms. */
const RETRY_MS = 1_000;

@Controller('api/v1/fleet')
export class FleetHttpController {
  readonly #view: FleetView;
  readonly #readers = new Map<ServerResponse, FleetQuery>();
  #timer: NodeJS.Timeout | undefined;

  constructor(@Inject(FleetView) view: FleetView) {
    this.#view = view;
  }

  @Get()
  async fleet(@Query() query: RawQuery): Promise<object> {
    const asked = asQuery(query);
    await this.#view.refresh();
    if (this.#view.problem !== undefined) throw new HttpException(`the processes cannot be read right now: ${this.#view.problem}`, 503);
    return fleetJson(this.#view, asked);
  }

  @Get('events')
  async events(@Query() query: RawQuery, @Res() response: ServerResponse): Promise<void> {
    const asked = asQuery(query);
    if (this.#readers.size >= READERS_MAX) throw new HttpException(`there are ${READERS_MAX} readers of the fleet already`, 503);
    this.#readers.set(response, asked);
    this.#timer ??= setInterval(() => void this.#tellAll(), TELL_EACH_MS).unref();
    response.on('close', () => this.#end(response));
    response.setHeader('content-type', 'text/event-stream; charset=utf-8');
    response.setHeader('x-accel-buffering', 'no');
    response.writeHead(200);
    response.write(`retry: ${RETRY_MS}\n\n`);
    await this.#view.refresh();
    tell(response, this.#event(asked));
  }

  /** Every reader, so that the process can stop. */
  endReading(): void {
    for (const response of this.#readers.keys()) response.end();
    clearInterval(this.#timer);
  }

  #end(response: ServerResponse): void {
    this.#readers.delete(response);
    if (this.#readers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #tellAll(): Promise<void> {
    await this.#view.refresh();
    const texts = new Map<string, string>();
    for (const [response, asked] of this.#readers) {
      const what = `${asked.limit} ${asked.search}`;
      const text = texts.get(what) ?? this.#event(asked);
      texts.set(what, text);
      tell(response, text);
    }
  }

  #event(asked: FleetQuery): string {
    return `event: processes\ndata: ${JSON.stringify(fleetJson(this.#view, asked))}\n\n`;
  }
}

/** A slow reader gets the newest when it has taken what it was told. */
function tell(response: ServerResponse, text: string): void {
  if (!response.writableNeedDrain && !response.destroyed && !response.writableEnded) response.write(text);
}

function asQuery(query: RawQuery): FleetQuery {
  const limit = word(query, 'limit');
  if (!/^\d{0,9}$/.test(limit)) throw asHttp(invalid('limit', JSON.stringify(limit.slice(0, 40)), 'a whole number'));
  return answered(queryOf({ limit: Number(limit), search: word(query, 'search') }));
}

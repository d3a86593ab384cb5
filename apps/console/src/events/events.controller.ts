/** `/api/v1/events`: server-sent events, resumed by `Last-Event-ID`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Controller, Get, HttpException, Inject, Req, Res } from '@nestjs/common';
import { mayWrite } from '../http-rim.ts';
import { EventHub } from './event-hub.ts';

/** Readers at once; each is owed at most one name for each upstream. */
const READERS_MAX = 500;
/** After which time a reader whose stream was cut should come again, ms. */
const RETRY_MS = 1_000;

@Controller('api/v1/events')
export class EventsController {
  readonly #hub: EventHub;
  readonly #responses = new Set<ServerResponse>();

  constructor(@Inject(EventHub) hub: EventHub) {
    this.#hub = hub;
  }

  @Get()
  events(@Req() request: IncomingMessage, @Res() response: ServerResponse): void {
    if (this.#responses.size >= READERS_MAX) throw new HttpException(`there are ${READERS_MAX} readers of events already`, 503);
    this.#responses.add(response);
    response.setHeader('content-type', 'text/event-stream; charset=utf-8');
    // Of a proxy in between, nginx for one, that would gather what is to be read at once.
    response.setHeader('x-accel-buffering', 'no');
    response.writeHead(200);
    response.write(`retry: ${RETRY_MS}\n\n`);
    const outlet = { write: (text: string) => void response.write(text), isFull: () => response.writableNeedDrain || response.destroyed };
    const { 'last-event-id': lastId } = request.headers;
    const stream = this.#hub.open(outlet, { lastId: typeof lastId === 'string' ? lastId : undefined, mayWrite: mayWrite(request) });
    response.on('drain', () => stream.tell());
    response.on('close', () => {
      this.#hub.end(stream);
      this.#responses.delete(response);
    });
    stream.tell();
  }

  /** Every reader, so that the process can stop: it comes again, and finds another console. */
  endReading(): void {
    for (const response of this.#responses) response.end();
  }
}

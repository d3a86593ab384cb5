/** Reads `/api/v1/events`, or another stream, as any program would. */
import { EventParser, type SentEvent } from '../../apps/console/src/shared/event-parser.ts';
import { eventually } from './eventually.ts';

export class EventReader {
  readonly events: SentEvent[] = [];
  readonly #ending = new AbortController();
  /** Settles when the stream ends. */
  readonly ended: Promise<void>;

  /** @param url of the console, or of a stream of it; @param lastId where one left off */
  constructor(url: string, lastId?: string) {
    this.ended = this.#read(new URL(url), lastId).catch(() => {});
  }

  get lastId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }

  /** What the events of that name say, each of a list by itself. */
  told(event: string): Record<string, unknown>[] {
    return this.events.filter((each) => each.event === event).flatMap(({ data }) => JSON.parse(data) as Record<string, unknown>[]);
  }

  async until<T>(what: string, look: (reader: this) => T | undefined): Promise<T> {
    return await eventually(() => look(this), { what });
  }

  async loaded(): Promise<void> {
    await this.until('all to be told', (reader) => reader.events.find(({ event }) => event === 'loaded'));
  }

  end(): void {
    this.#ending.abort();
  }

  async #read(url: URL, lastId: string | undefined): Promise<void> {
    if (url.pathname === '/') url.pathname = '/api/v1/events';
    const response = await fetch(url, { signal: this.#ending.signal, headers: lastId === undefined ? {} : { 'last-event-id': lastId } });
    const parser = new EventParser();
    for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) this.events.push(...parser.push(text));
  }
}

/**
 * Server-sent events by `fetch`, because `EventSource` can show no token. As that does, it comes again by itself with the
 * id of the last event; and it takes a stream that says nothing for a while for cut, which that doesn't.
 */

import { EventParser, type SentEvent } from '../../../src/shared/event-parser.ts';
import { messageOf } from '../shared/ask.ts';

/** What keeps the page from what it shows; `refused`: nobody is let in by the token that it has. */
export interface Cut {
  readonly kind: 'unreachable' | 'refused';
  readonly why: string;
}

export interface Following {
  readonly url: string;
  readonly headers: () => Readonly<Record<string, string>>;
  readonly onEvent: (event: SentEvent) => void;
  readonly onCut: (cut: Cut, nextTryMs: number) => void;
}

/** A pulse comes each second. */
const SILENT_MAX_MS = 6_000;
const AGAIN_FIRST_MS = 250;
const AGAIN_MAX_MS = 5_000;
/** To the console each is a try to guess a token, of which everybody behind one address may make ten in a minute together. */
const REFUSED_AGAIN_MS = 60_000;

export class EventFollower {
  readonly #following: Following;
  #lastId: string | undefined;
  #failures = 0;
  #attempt: AbortController | undefined;
  #again: number | undefined;

  constructor(following: Following) {
    this.#following = following;
  }

  /** Now, whatever ran before. */
  start(): void {
    clearTimeout(this.#again);
    this.#attempt?.abort();
    const attempt = new AbortController();
    this.#attempt = attempt;
    void this.#read(attempt).then(
      () => this.#comeAgain(attempt, { kind: 'unreachable', why: 'the console closed the stream' }),
      (error: unknown) => this.#comeAgain(attempt, error instanceof Unserved ? error.cut : { kind: 'unreachable', why: 'the console does not answer' }),
    );
  }

  stop(): void {
    clearTimeout(this.#again);
    this.#attempt?.abort();
    this.#attempt = undefined;
  }

  async #read(attempt: AbortController): Promise<void> {
    const { url, headers, onEvent } = this.#following;
    const resume = this.#lastId === undefined ? {} : { 'last-event-id': this.#lastId };
    let silence = setTimeout(() => attempt.abort(), SILENT_MAX_MS);
    const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers(), ...resume }, signal: attempt.signal, cache: 'no-store' });
    if (!response.ok || response.body === null) throw new Unserved({ kind: [401, 403].includes(response.status) ? 'refused' : 'unreachable', why: await messageOf(response) });
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || attempt !== this.#attempt) return clearTimeout(silence);
      clearTimeout(silence);
      silence = setTimeout(() => attempt.abort(), SILENT_MAX_MS);
      this.#failures = 0;
      for (const event of parser.push(value)) {
        onEvent(event);
        if (event.id !== undefined) this.#lastId = event.id;
      }
    }
  }

  #comeAgain(attempt: AbortController, cut: Cut): void {
    if (attempt !== this.#attempt) return;
    const waitMs = cut.kind === 'refused' ? REFUSED_AGAIN_MS : Math.min(AGAIN_MAX_MS, AGAIN_FIRST_MS * 2 ** this.#failures) * (0.75 + Math.random() / 2);
    this.#failures += 1;
    this.#following.onCut(cut, waitMs);
    this.#again = setTimeout(() => this.start(), waitMs);
  }
}

/** The console answered, with no stream. */
class Unserved extends Error {
  readonly cut: Cut;

  constructor(cut: Cut) {
    super(cut.why);
    this.cut = cut;
  }
}

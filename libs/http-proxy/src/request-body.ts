/**
 * A request's body on its way from the client to the upstream: framed anew, as fast as the slower of the two. What is
 * there when the head goes out goes with it in one write.
 */
import type { IncomingMessage } from 'node:http';
import type { UpstreamConnection } from './upstream-connection.ts';

export interface RequestBodyEvents {
  /** A chunk came from the client or room came from the upstream: nobody stalls. */
  onProgress(): void;
  /** Every byte of the request is written. */
  onSent(): void;
}

/** Small first chunks are copied behind the head, so that one write carries both. */
const JOIN_BYTES_MAX = 16_384;
const CHUNKED_END = '0\r\n\r\n';

export class RequestBody {
  readonly #request: IncomingMessage;
  readonly #connection: UpstreamConnection;
  readonly #isChunked: boolean;
  readonly #events: RequestBodyEvents;
  readonly #now: () => number;
  /** The upstream's socket is full: the client isn't asked for more. */
  #isBlocked = false;
  #isOver = false;
  #waitingSinceMs: number;
  #clientWaitMs = 0;

  constructor(request: IncomingMessage, connection: UpstreamConnection, rest: { isChunked: boolean; events: RequestBodyEvents; now: () => number }) {
    this.#request = request;
    this.#connection = connection;
    this.#isChunked = rest.isChunked;
    this.#events = rest.events;
    this.#now = rest.now;
    this.#waitingSinceMs = rest.now();
  }

  /** Who owes the next byte: false = the client, true = the upstream. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Time in which the upstream was ready for bytes and the client sent none, ms, now included: not the upstream's slowness. */
  get clientWaitMs(): number {
    return this.#clientWaitMs + this.#runningWaitMs;
  }

  /** @param headText of the request, not yet written. */
  start(headText: string): void {
    const first = this.#request.read() as Buffer | null;
    if (first === null) this.#connection.write(headText);
    else if (first.length > JOIN_BYTES_MAX) this.#writeApart(headText, first);
    else this.#send(this.#connection.write(headText + this.#framed(first.toString('latin1'), first.length)));
    this.#request.on('data', this.#onData).on('end', this.#onEnd);
    if (this.#isBlocked) this.#request.pause();
  }

  /** No more of it is sent. What the client still sends is the answer's business. */
  stop(): void {
    this.#clientWaitMs += this.#runningWaitMs;
    this.#isOver = true;
    this.#request.off('data', this.#onData).off('end', this.#onEnd);
  }

  /** The upstream's socket has room again. */
  onWritable(): void {
    if (!this.#isBlocked || this.#isOver) return;
    this.#isBlocked = false;
    this.#waitingSinceMs = this.#now();
    this.#events.onProgress();
    this.#request.resume();
  }

  #writeApart(headText: string, first: Buffer): void {
    this.#connection.cork();
    this.#connection.write(headText);
    this.#writeChunk(first);
    this.#connection.uncork();
  }

  get #runningWaitMs(): number {
    return this.#isOver || this.#isBlocked ? 0 : this.#now() - this.#waitingSinceMs;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#clientWaitMs += this.#runningWaitMs;
    this.#writeChunk(chunk);
    if (this.#isBlocked) this.#request.pause();
    this.#waitingSinceMs = this.#now();
    this.#events.onProgress();
  };

  readonly #onEnd = (): void => {
    this.stop();
    if (this.#isChunked) this.#connection.write(CHUNKED_END);
    this.#connection.endRequest();
    this.#events.onSent();
  };

  #writeChunk(chunk: Buffer): void {
    if (!this.#isChunked) {
      this.#send(this.#connection.write(chunk));
      return;
    }
    this.#connection.cork();
    this.#connection.write(`${chunk.length.toString(16)}\r\n`);
    this.#connection.write(chunk);
    this.#send(this.#connection.write('\r\n'));
    this.#connection.uncork();
  }

  #framed(text: string, bytes: number): string {
    return this.#isChunked ? `${bytes.toString(16)}\r\n${text}\r\n` : text;
  }

  #send(hasRoom: boolean): void {
    if (!hasRoom) this.#isBlocked = true;
  }
}

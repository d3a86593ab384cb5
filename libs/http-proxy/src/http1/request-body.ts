/**
 * A request's body on its way from the client to the upstream: framed anew, as fast as the slower of the two. What is
 * there when the head goes out goes with it in one write. At most what one read gave waits for the connection.
 */
import type { UpstreamConnection } from '../upstream-connection.ts';
import { lastChunk } from './trailers.ts';

/** Small first chunks are put behind the head, so that one write carries both. */
const JOIN_BYTES_MAX = 16_384;

export interface RequestBodyOptions {
  readonly isChunked: boolean;
  /** Monotonic, ms. */
  readonly now: () => number;
}

export class RequestBody {
  readonly #isChunked: boolean;
  readonly #now: () => number;
  #early: Buffer[] = [];
  #trailers: readonly string[] | undefined;
  #connection: UpstreamConnection | undefined;
  #waitingSinceMs: number | undefined;
  #clientWaitMs = 0;

  constructor({ isChunked, now }: RequestBodyOptions) {
    this.#isChunked = isChunked;
    this.#now = now;
  }

  /** The client has sent all of it. */
  get isWhole(): boolean {
    return this.#trailers !== undefined;
  }

  /** Who owes the next byte: false = the client, true = the upstream. */
  get isBlocked(): boolean {
    return this.#connection?.isBlocked ?? false;
  }

  /** Time in which the upstream was ready for bytes and the client sent none, ms, now included: not the upstream's slowness. */
  get clientWaitMs(): number {
    return this.#clientWaitMs + (this.#waitingSinceMs === undefined ? 0 : this.#now() - this.#waitingSinceMs);
  }

  /** The head goes out, and what is there of the body with it. */
  start(connection: UpstreamConnection, headText: string): void {
    this.#connection = connection;
    const early = this.#early;
    this.#early = [];
    let text = headText;
    connection.cork();
    for (const chunk of early) {
      if (text.length + chunk.length <= JOIN_BYTES_MAX) {
        text += this.#framed(chunk.toString('latin1'));
        continue;
      }
      if (text !== '') connection.write(text);
      text = '';
      this.#write(chunk);
    }
    if (this.#trailers !== undefined && this.#isChunked) text += lastChunk(this.#trailers);
    if (text !== '') connection.write(text);
    connection.uncork();
    if (this.#trailers === undefined) this.#await();
    else connection.endRequest();
  }

  push(chunk: Buffer): void {
    if (this.#connection === undefined) {
      this.#early.push(chunk);
      return;
    }
    this.#stopAwaiting();
    this.#write(chunk);
    this.#await();
  }

  end(trailers: readonly string[]): void {
    this.#trailers = trailers;
    this.#stopAwaiting();
    const connection = this.#connection;
    if (connection === undefined) return;
    if (this.#isChunked) connection.write(lastChunk(trailers));
    connection.endRequest();
  }

  /** The upstream's socket has room again. */
  onWritable(): void {
    if (this.#trailers === undefined) this.#await();
  }

  /** No more of it is sent. */
  stop(): void {
    this.#stopAwaiting();
    this.#trailers ??= [];
    this.#early = [];
  }

  #await(): void {
    this.#waitingSinceMs = this.isBlocked ? undefined : this.#now();
  }

  #stopAwaiting(): void {
    this.#clientWaitMs = this.clientWaitMs;
    this.#waitingSinceMs = undefined;
  }

  #write(chunk: Buffer): void {
    const connection = this.#connection as UpstreamConnection;
    if (!this.#isChunked) {
      connection.write(chunk);
      return;
    }
    connection.cork();
    connection.write(`${chunk.length.toString(16)}\r\n`);
    connection.write(chunk);
    connection.write('\r\n');
    connection.uncork();
  }

  #framed(text: string): string {
    return this.#isChunked ? `${text.length.toString(16)}\r\n${text}\r\n` : text;
  }
}

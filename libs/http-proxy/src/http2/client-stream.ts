/** A client's side of one call: its request body on the way in, the answer on the way out, each at the other side's pace. */
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream, type ServerStreamResponseOptions } from 'node:http2';
import type { Deadlines, Timed } from '../deadlines.ts';
import type { Http2Answer } from './answers.ts';

export interface ClientStreamEvents {
  onBody(chunk: Buffer): void;
  /** The request is whole. */
  onBodyEnd(trailers: readonly string[] | undefined): void;
  /** It takes answer bytes again. */
  onDrain(): void;
  /** The client reset the stream or is gone, and the answer wasn't whole. */
  onGone(): void;
}

export class ClientStream implements Timed {
  dueAtMs = Infinity;
  readonly #stream: ServerHttp2Stream;
  readonly #deadlines: Deadlines;
  readonly #idleMs: number;
  #events: ClientStreamEvents | undefined;
  #requestEnded: boolean;
  #requestTrailers: readonly string[] | undefined;
  #answerTrailers: OutgoingHttpHeaders | undefined;
  #isOver = false;
  #wasReset = false;
  #isBlocked = false;
  #leftBytes = Infinity;

  /** @param idleMs for the client to take some of an answer that is complete. */
  constructor(stream: ServerHttp2Stream, rest: { requestEnded: boolean; deadlines: Deadlines; idleMs: number }) {
    this.#stream = stream;
    this.#requestEnded = rest.requestEnded;
    this.#deadlines = rest.deadlines;
    this.#idleMs = rest.idleMs;
    // Whatever it is, the stream's end tells it.
    stream
      .on('error', () => undefined)
      .on('close', () => this.#onClose())
      // They may be here before anybody wants the body.
      .on('trailers', (_headers, _flags, rawHeaders: readonly string[]) => {
        this.#requestTrailers = rawHeaders;
      });
  }

  /** The client is gone already. */
  get isClosed(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  /** By the client, before its answer was whole. */
  get wasReset(): boolean {
    return this.#wasReset;
  }

  get requestEnded(): boolean {
    return this.#requestEnded;
  }

  /** The answer waits for the client to read. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  get headSent(): boolean {
    return this.#stream.headersSent;
  }

  attach(events: ClientStreamEvents): void {
    this.#events = events;
    this.#stream.on('drain', () => this.#onDrain());
  }

  /** From now on the request's body is handed over. */
  readBody(): void {
    this.#stream
      .on('data', (chunk: Buffer) => {
        if (!this.#isOver) this.#events?.onBody(chunk);
      })
      .on('end', () => this.#onBodyEnd());
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** 1xx. */
  info(headers: OutgoingHttpHeaders): void {
    if (!this.isClosed && !this.#stream.headersSent) this.#stream.additionalHeaders(headers);
  }

  /** @param isWhole nothing follows. */
  head(statusCode: number, headers: readonly string[], isWhole: boolean): void {
    if (this.isClosed) return;
    // node:http2 has ended the answer to a HEAD ahead.
    const endStream = isWhole || this.#stream.writableEnded || statusCode === 204 || statusCode === 205 || statusCode === 304;
    this.#stream.on('wantTrailers', () => this.#onWantTrailers());
    // Beside the trailers: without `waitForTrailers` node:http2 ends a stream in order before it resets it, and a broken
    // answer would look whole.
    const options: ServerStreamResponseOptions & { sendDate: boolean } = { endStream, waitForTrailers: !endStream, sendDate: false };
    this.#stream.respond(headers, options);
  }

  /** Answer bytes; false: the client has enough, wait for `onDrain`. */
  body(chunk: Buffer): boolean {
    // After the end: the body of an answer that has none (HEAD, 204, 304).
    if (!this.#stream.writable) return true;
    this.#isBlocked = !this.#stream.write(chunk);
    return !this.#isBlocked;
  }

  end(trailers: OutgoingHttpHeaders | undefined): void {
    this.#isOver = true;
    this.#answerTrailers = trailers;
    if (this.#stream.writable) this.#stream.end();
    else this.#stopRequest();
    this.#linger();
  }

  /** A whole answer of our own. */
  answer({ headers, body }: Http2Answer): void {
    this.#isOver = true;
    if (this.isClosed) return;
    const hasBody = body !== '' && !this.#stream.writableEnded;
    // A date is added to the list.
    this.#stream.respond([...headers], { endStream: !hasBody });
    if (hasBody) this.#stream.end(body, 'latin1');
    this.#stopRequest();
    this.#linger();
  }

  /** After the head nothing but a reset can say that the answer isn't whole. */
  breakOff(code: number = constants.NGHTTP2_INTERNAL_ERROR): void {
    this.#isOver = true;
    this.#stream.close(code);
  }

  onDue(nowMs: number): void {
    const { bufferSize } = this.#stream;
    if (bufferSize >= this.#leftBytes) this.#stream.close(constants.NGHTTP2_CANCEL);
    this.#leftBytes = bufferSize;
    this.dueAtMs = nowMs + this.#idleMs;
  }

  /** The call is over, but its client may not read: nobody else watches that. */
  #linger(): void {
    if (this.isClosed) return;
    this.dueAtMs = this.#deadlines.now() + this.#idleMs;
    this.#deadlines.add(this);
  }

  /** The answer is written: what the client still sends is of no use (RFC 9113 8.1). */
  #stopRequest(): void {
    if (this.#requestEnded) return;
    this.#stream.resume();
    this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #onWantTrailers(): void {
    this.#stream.sendTrailers(this.#answerTrailers ?? {});
    // node:http2 sends them in a turn of its own, before this one.
    setImmediate(() => this.#stopRequest());
  }

  #onBodyEnd(): void {
    // A reset ends the body too, but then it isn't whole.
    if (this.#isOver || this.isClosed) return;
    this.#requestEnded = true;
    this.#events?.onBodyEnd(this.#requestTrailers);
  }

  #onDrain(): void {
    this.#isBlocked = false;
    if (!this.#isOver) this.#events?.onDrain();
  }

  #onClose(): void {
    this.#deadlines.delete(this);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#wasReset = true;
    this.#events?.onGone();
  }
}

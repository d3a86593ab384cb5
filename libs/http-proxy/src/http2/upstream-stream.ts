/**
 * One try of a call: a stream to an upstream. It ends once: by `onEnd`, by `onFail`, or by `abandon`, after which it is
 * heard of no more.
 */
import { constants, type ClientHttp2Stream } from 'node:http2';
import type { UpstreamError } from '../route.ts';
import type { UpstreamSession } from './upstream-session.ts';
import { headersObject, takeSensitive } from './headers.ts';

const END_STREAM = constants.NGHTTP2_FLAG_END_STREAM;

export interface UpstreamStreamEvents {
  /** 1xx but for 100. */
  onInfo(rawHeaders: readonly string[]): void;
  /** @param isWhole nothing follows. */
  onHead(statusCode: number, rawHeaders: readonly string[], isWhole: boolean): void;
  onData(chunk: Buffer): void;
  onEnd(trailers: readonly string[] | undefined): void;
  /** @param isUntouched the upstream has said that it did nothing for this call. */
  onFail(error: UpstreamError, isUntouched: boolean): void;
  /** It takes request bytes again. */
  onWritable(): void;
}

export interface UpstreamRequest {
  /** Pseudo-headers included. */
  readonly headers: readonly string[];
  readonly hasBody: boolean;
}

export class UpstreamStream {
  readonly session: UpstreamSession;
  readonly #events: UpstreamStreamEvents;
  readonly #stream: ClientHttp2Stream;
  readonly #now: () => number;
  #trailers: readonly string[] | undefined;
  #requestTrailers: readonly string[] | undefined;
  #hasHead = false;
  #isInvalid = false;
  #isOver = false;

  constructor(session: UpstreamSession, request: UpstreamRequest, rest: { events: UpstreamStreamEvents; now: () => number }) {
    this.session = session;
    this.#events = rest.events;
    this.#now = rest.now;
    // Beside the trailers: without this node:http2 ends a stream in order before it resets it, and what a client broke
    // off would look whole.
    const stream = session.request(request.headers, { endStream: !request.hasBody, waitForTrailers: request.hasBody });
    this.#stream = stream;
    stream
      .on('headers', (headers, _flags, rawHeaders) => this.#onInfo(headers[':status'], rawHeaders))
      .on('response', (headers, flags, rawHeaders) => this.#onHead(headers[':status'] ?? 0, flags, takeSensitive(rawHeaders, headers)))
      .on('trailers', (_headers, _flags, rawHeaders) => {
        this.#trailers = rawHeaders;
      })
      .on('data', (chunk: Buffer) => this.#onData(chunk))
      .on('end', () => this.#onEnd())
      .on('drain', () => {
        if (!this.#isOver) this.#events.onWritable();
      })
      .on('wantTrailers', () => stream.sendTrailers(headersObject(this.#requestTrailers ?? [])))
      // node:http2 itself found that what came is no HTTP/2.
      .on('error', (error: NodeJS.ErrnoException) => {
        this.#isInvalid ||= error.code === 'ERR_HTTP2_ERROR';
      })
      .on('close', () => this.#onClose());
  }

  /** Request bytes; false: it has enough, wait for `onWritable`. */
  write(chunk: Buffer): boolean {
    return this.#stream.writable ? this.#stream.write(chunk) : true;
  }

  /** The request's end. */
  end(trailers: readonly string[] | undefined): void {
    this.#requestTrailers = trailers;
    if (this.#stream.writable) this.#stream.end();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Nobody wants the answer, or the rest of it: the upstream may stop. */
  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.close(constants.NGHTTP2_CANCEL);
    this.#stream.resume();
  }

  #onInfo(statusCode: number | undefined, rawHeaders: readonly string[]): void {
    // Whether to send the body is between us and the client.
    if (!this.#isOver && statusCode !== undefined && statusCode !== 100) this.#events.onInfo(rawHeaders);
  }

  #onHead(statusCode: number, flags: number, rawHeaders: readonly string[]): void {
    if (this.#isOver) return;
    this.#hasHead = true;
    this.session.heardAtMs = this.#now();
    this.#events.onHead(statusCode, rawHeaders, (flags & END_STREAM) !== 0);
  }

  #onData(chunk: Buffer): void {
    if (this.#isOver) return;
    this.session.heardAtMs = this.#now();
    this.#events.onData(chunk);
  }

  #onEnd(): void {
    // A stream that is reset with NO_ERROR before its head ends like this too.
    if (this.#isOver || !this.#hasHead) return;
    this.#isOver = true;
    // RFC 9113 8.1: with the answer whole, the rest of the request is of no use.
    if (!this.#stream.writableEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
    this.#events.onEnd(this.#trailers);
  }

  #onClose(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const isUntouched = this.#stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || this.session.hasDisowned(this.#stream);
    this.#events.onFail(this.#errorOf(isUntouched), isUntouched);
  }

  #errorOf(isUntouched: boolean): UpstreamError {
    if (this.#isInvalid) return 'bad-response';
    if (isUntouched) return 'refused';
    if (this.session.wasCutOff) return 'reset';
    switch (this.#stream.rstCode) {
      case constants.NGHTTP2_PROTOCOL_ERROR:
      case constants.NGHTTP2_FLOW_CONTROL_ERROR:
      case constants.NGHTTP2_FRAME_SIZE_ERROR:
      case constants.NGHTTP2_COMPRESSION_ERROR:
      case constants.NGHTTP2_HTTP_1_1_REQUIRED:
      // What node:http2 says of a head with too many headers.
      case constants.NGHTTP2_ENHANCE_YOUR_CALM:
        return 'bad-response';
      default:
        return 'reset';
    }
  }
}

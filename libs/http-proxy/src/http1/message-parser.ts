/**
 * HTTP/1 messages out of a connection's bytes, one at a time. llhttp reads heads and chunks; bodies of a stated length and
 * those that end with the connection are counted here, so that their bytes are touched by nobody.
 *
 * The sink is told from `read` alone and never from within llhttp, so it may do as it likes: write, stop, start others.
 */
import { LlhttpState, NO_BODY, OK, PAUSED, REQUEST, RESPONSE, STOP, type LlhttpEvents } from './llhttp.ts';
import { MessageHead } from './message-head.ts';

/** How a body is framed: its bytes, or one of these. */
export const CHUNKED = -1;
export const UNTIL_CLOSE = -2;

/** Why no more is read; the connection can't be used any longer. */
export type MessageFault = 'invalid' | 'head-too-large' | 'too-many-headers' | 'target-too-long' | 'framing-too-large';

export interface MessageSink {
  /** @param body its bytes, CHUNKED or UNTIL_CLOSE. The head is the parser's own: it stays as it is until `begin`. */
  onHead(head: MessageHead, body: number): void;
  onBody(chunk: Buffer): void;
  /** The message is whole. @param trailers name, value, name, value … */
  onEnd(trailers: readonly string[]): void;
  onFault(fault: MessageFault): void;
}

export interface ParserBounds {
  readonly headBytesMax: number;
  readonly headersMax: number;
  readonly targetBytesMax: number;
}

/** head: nothing was read, or a part of the head · ended: `begin` starts the next · stopped: never again */
type Stage = 'head' | 'counted' | 'chunked' | 'until-close' | 'ended' | 'stopped';
type Part = 'none' | 'name' | 'value';

/** A head is run over in pieces of this size: most end in the first, and what lies behind is not copied. */
const PIECE_BYTES = 4_096;
/** Bytes of chunk sizes, extensions and line ends: as many as these, and eight for each byte of body. */
const FRAMING_BYTES_MAX = 16_384;
const FRAMING_PER_BODY_BYTE = 8;
/** ` HTTP/1.1` behind a target. */
const VERSION_BYTES = 9;
/** `HTTP/1.1 200 ` before a reason, which may be missing. */
const STATUS_BYTES = 13;
const LINE_END_BYTES = 2;
const NO_BYTES = Buffer.alloc(0);
const NO_TRAILERS: readonly string[] = [];

export class MessageParser implements LlhttpEvents {
  readonly head = new MessageHead();
  /** Of the message that has ended: whether its sender keeps the connection. */
  keepsAlive = false;
  /** The next response is to HEAD: it has no body. */
  isToHead = false;
  readonly #type: typeof REQUEST | typeof RESPONSE;
  readonly #state: LlhttpState;
  readonly #sink: MessageSink;
  readonly #bounds: ParserBounds;
  #stage: Stage = 'head';
  #part: Part = 'none';
  #hasBegun = false;
  #isHeadWhole = false;
  #isWhole = false;
  #fault: MessageFault = 'invalid';
  #body = 0;
  /** Bytes of a counted body to come. */
  #left = 0;
  /** What of a run was body: from, length, from, length … */
  readonly #pieces: number[] = [];
  #trailers: string[] | undefined;
  #trailerBytes = 0;
  /** The bytes that are being run over. */
  #run: Buffer = NO_BYTES;
  #bodyBytes = 0;
  #framingBytes = 0;

  constructor(type: 'request' | 'response', sink: MessageSink, bounds: ParserBounds) {
    this.#type = type === 'request' ? REQUEST : RESPONSE;
    this.#state = new LlhttpState(this.#type);
    this.#sink = sink;
    this.#bounds = bounds;
  }

  /** A message has begun to arrive and isn't whole. */
  get inMessage(): boolean {
    return this.#stage === 'head' ? this.#hasBegun : this.#stage !== 'ended' && this.#stage !== 'stopped';
  }

  /** The next message. */
  begin(): void {
    this.#state.reset();
    this.head.clear();
    this.#stage = 'head';
    this.#part = 'none';
    this.#hasBegun = false;
    this.#isHeadWhole = false;
    this.#isWhole = false;
    this.#trailers = undefined;
    this.#trailerBytes = 0;
    this.#bodyBytes = 0;
    this.#framingBytes = 0;
  }

  /** Nothing more is read or told. */
  stop(): void {
    this.#stage = 'stopped';
  }

  free(): void {
    this.#stage = 'stopped';
    this.#state.free();
  }

  /** @returns where it stopped: behind the message's end, else at the chunk's. */
  read(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length) {
      switch (this.#stage) {
        case 'head':
          at = this.#readHead(chunk, at);
          break;
        case 'counted':
          at = this.#readCounted(chunk, at);
          break;
        case 'chunked':
          at = this.#readChunked(chunk, at);
          break;
        case 'until-close':
          this.#sink.onBody(at === 0 ? chunk : chunk.subarray(at));
          return chunk.length;
        case 'ended':
        case 'stopped':
          return at;
      }
    }
    return at;
  }

  /** The peer sends no more. False: its message is cut off. */
  finish(): boolean {
    if (this.#stage === 'until-close') {
      this.keepsAlive = false;
      this.#end(NO_TRAILERS);
      return true;
    }
    return !this.inMessage;
  }

  readUrl(at: number, length: number): number {
    const { head } = this;
    const from = head.text.length + at;
    if (head.lineTo === 0) head.lineFrom = from;
    head.lineTo = from + length;
    return head.lineTo - head.lineFrom > this.#bounds.targetBytesMax ? this.#refuse('target-too-long') : OK;
  }

  readReason(at: number, length: number): number {
    const { head } = this;
    const from = head.text.length + at;
    if (head.lineTo === 0) head.lineFrom = from;
    head.lineTo = from + length;
    return OK;
  }

  readName(at: number, length: number): number {
    if (this.#isHeadWhole) return this.#readTrailer('name', at, length);
    const { head } = this;
    const { spans, count } = head;
    const from = head.text.length + at;
    // A name or a value that lies across two chunks comes in two pieces.
    if (this.#part === 'name') {
      spans[count * 4 + 1] = from + length;
      return OK;
    }
    if (count >= this.#bounds.headersMax) return this.#refuse('too-many-headers');
    this.#part = 'name';
    spans[count * 4] = from;
    spans[count * 4 + 1] = from + length;
    return OK;
  }

  readValue(at: number, length: number): number {
    if (this.#isHeadWhole) return this.#readTrailer('value', at, length);
    const { head } = this;
    const from = head.text.length + at;
    if (this.#part === 'value') {
      head.spans[head.count * 4 - 1] = from + length;
      return OK;
    }
    this.#part = 'value';
    head.spans[head.count * 4 + 2] = from;
    head.spans[head.count * 4 + 3] = from + length;
    head.count++;
    return OK;
  }

  endHead(statusCode: number): number {
    const { head } = this;
    const last = head.count > 0 ? (head.spans[head.count * 4 - 1] as number) : this.#lineBytes;
    const missing = last - head.text.length;
    if (missing > 0) head.text += this.#run.toString('latin1', 0, missing);
    head.statusCode = statusCode;
    this.#isHeadWhole = true;
    this.#part = 'none';
    this.#body = this.#framing();
    if (last > this.#bounds.headBytesMax) return this.#refuse('head-too-large');
    return this.#body === CHUNKED ? PAUSED : NO_BODY;
  }

  readBody(at: number, length: number): number {
    this.#pieces.push(at, length);
    return OK;
  }

  endMessage(): number {
    this.#isWhole = true;
    this.keepsAlive = this.#body !== UNTIL_CLOSE && this.#state.shouldKeepAlive;
    return PAUSED;
  }

  #readHead(chunk: Buffer, from: number): number {
    const { head } = this;
    const to = Math.min(from + PIECE_BYTES, chunk.length);
    this.#hasBegun = true;
    this.#run = from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to);
    const read = this.#state.run(this.#run, this);
    if (read < 0) return this.#fail(this.#fault, chunk);
    if (this.#isHeadWhole) {
      this.#tellHead();
      return from + read;
    }
    head.text += this.#run.toString('latin1');
    return head.text.length > this.#bounds.headBytesMax ? this.#fail('head-too-large', chunk) : to;
  }

  #tellHead(): void {
    const body = this.#body;
    if (body === CHUNKED) {
      this.#state.resume();
      this.#stage = 'chunked';
    } else if (body === UNTIL_CLOSE) {
      this.#stage = 'until-close';
    } else {
      this.#left = body;
      this.#stage = 'counted';
    }
    this.#sink.onHead(this.head, body);
    if (body === 0 && this.#stage === 'counted') this.#end(NO_TRAILERS);
  }

  #readCounted(chunk: Buffer, from: number): number {
    const bytes = Math.min(this.#left, chunk.length - from);
    this.#left -= bytes;
    this.#sink.onBody(bytes === chunk.length ? chunk : chunk.subarray(from, from + bytes));
    if (this.#left === 0 && this.#stage === 'counted') this.#end(NO_TRAILERS);
    return from + bytes;
  }

  #readChunked(chunk: Buffer, from: number): number {
    const bytes = from === 0 ? chunk : chunk.subarray(from);
    this.#pieces.length = 0;
    this.#run = bytes;
    const read = this.#state.run(bytes, this);
    if (read < 0) return this.#fail(this.#fault, chunk);
    for (let i = 0; i < this.#pieces.length && this.#stage === 'chunked'; i += 2) {
      const at = this.#pieces[i] as number;
      const length = this.#pieces[i + 1] as number;
      this.#bodyBytes += length;
      this.#framingBytes -= length;
      this.#sink.onBody(bytes.subarray(at, at + length));
    }
    this.#framingBytes += read;
    if (this.#stage !== 'chunked') return chunk.length;
    if (this.#framingBytes > FRAMING_BYTES_MAX + FRAMING_PER_BODY_BYTE * this.#bodyBytes) return this.#fail('framing-too-large', chunk);
    if (this.#isWhole) this.#end(this.#trailers ?? NO_TRAILERS);
    return from + read;
  }

  #readTrailer(part: 'name' | 'value', at: number, length: number): number {
    this.#trailers ??= [];
    const text = this.#run.toString('latin1', at, at + length);
    this.#trailerBytes += length;
    if (this.#trailerBytes > this.#bounds.headBytesMax) return this.#refuse('head-too-large');
    if (this.#part === part) this.#trailers[this.#trailers.length - 1] += text;
    else this.#trailers.push(text);
    this.#part = part;
    return this.#trailers.length > this.#bounds.headersMax * 2 ? this.#refuse('too-many-headers') : OK;
  }

  #end(trailers: readonly string[]): void {
    this.#stage = 'ended';
    this.#sink.onEnd(trailers);
  }

  #refuse(fault: MessageFault): number {
    this.#fault = fault;
    return STOP;
  }

  #fail(fault: MessageFault, chunk: Buffer): number {
    if (this.#stage !== 'stopped') {
      this.#stage = 'stopped';
      this.#sink.onFault(fault);
    }
    return chunk.length;
  }

  /** Of the first line, with its end in an answer: there it is still to be judged. */
  get #lineBytes(): number {
    const { lineTo } = this.head;
    return this.#type === REQUEST ? lineTo + VERSION_BYTES : Math.max(lineTo, STATUS_BYTES) + LINE_END_BYTES;
  }

  /** RFC 9112 6.3, as far as it needs no judgement: who is told of the head refuses what can be read in two ways. */
  #framing(): number {
    const { head } = this;
    const { statusCode } = head;
    if (this.#type === RESPONSE && (this.isToHead || statusCode < 200 || statusCode === 204 || statusCode === 304)) return 0;
    let bytes = this.#type === RESPONSE ? UNTIL_CLOSE : 0;
    for (let n = 0; n < head.count; n++) {
      const length = head.nameLength(n);
      if (length === 17 && head.isNamed(n, 'transfer-encoding')) return CHUNKED;
      if (length === 14 && head.isNamed(n, 'content-length')) bytes = Number(head.value(n));
    }
    return bytes;
  }
}

/**
 * HTTP/1.1 responses read by llhttp in its strict mode, as undici ships it: one WebAssembly instance for the process,
 * one parser state for each connection. The framing rules on top of it (what may follow a head, when a message is
 * whole) are the connection's; here bytes become a head, body chunks and an end.
 */
import simdBinary from 'undici/lib/llhttp/llhttp_simd-wasm.js';
import plainBinary from 'undici/lib/llhttp/llhttp-wasm.js';

/** What one message is told to. Calls come from within `execute`: they must not call it again. */
export interface ResponseSink {
  /** Status 100 to 999; name, value, name, value … Returns false where no body follows whatever the head says (HEAD). */
  onHead(statusCode: number, reason: string, rawHeaders: string[]): boolean;
  onBody(chunk: Buffer): void;
  /** The message is whole; nothing after it is read until the next `execute`. */
  onComplete(keepAlive: boolean): void;
}

/** How far a chunk was read. */
export type Reading =
  | { readonly kind: 'all' }
  /** A message ended inside it and bytes are left that nobody asked for. */
  | { readonly kind: 'surplus' }
  | { readonly kind: 'invalid'; readonly reason: string };

interface Llhttp {
  readonly memory: { readonly buffer: ArrayBuffer };
  _initialize(): void;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, data: number, length: number): number;
  llhttp_finish(parser: number): number;
  llhttp_resume(parser: number): void;
  llhttp_should_keep_alive(parser: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
  malloc(bytes: number): number;
  free(at: number): void;
}

const RESPONSE = 2;
const OK = 0;
const PAUSED = 21;
/** A callback's answer that stops the parser with an error. */
const STOP = -1;
/** A head's answer: no body follows. */
const NO_BODY = 1;

const ALL: Reading = { kind: 'all' };
const SURPLUS: Reading = { kind: 'surplus' };

/** Heads are decoded in one go up to here; what lies beyond is decoded piece by piece. */
const HEAD_TEXT_BYTES = 2_048;

/** What WebAssembly calls back; a number other than 0 stops it. */
interface ParserEvents {
  addReason(text: string): number;
  addName(text: string): number;
  addValue(text: string): number;
  completeHead(statusCode: number, upgrade: boolean): number;
  addBody(chunk: Buffer): number;
  complete(): number;
}

/** Nothing is being read, so nothing can come. */
const NOBODY: ParserEvents = {
  addReason: () => STOP,
  addName: () => STOP,
  addValue: () => STOP,
  completeHead: () => STOP,
  addBody: () => STOP,
  complete: () => STOP,
};

// The parser that is executing and the chunk it reads: WebAssembly calls back with addresses alone.
let running = NOBODY;
let chunkNow: Buffer = Buffer.alloc(0);
let textNow = '';
let base = 0;
let bufferBytes = 0;
let view = new Uint8Array(0);

const llhttp = instantiate();

function instantiate(): Llhttp {
  const span = (at: number, length: number) => textAt(at - base, length);
  const env = {
    wasm_on_url: () => OK,
    wasm_on_message_begin: () => OK,
    wasm_on_status: (_: number, at: number, length: number) => running.addReason(span(at, length)),
    wasm_on_header_field: (_: number, at: number, length: number) => running.addName(span(at, length)),
    wasm_on_header_value: (_: number, at: number, length: number) => running.addValue(span(at, length)),
    wasm_on_headers_complete: (_: number, statusCode: number, upgrade: number) => running.completeHead(statusCode, upgrade !== 0),
    wasm_on_body: (_: number, at: number, length: number) => running.addBody(chunkNow.subarray(at - base, at - base + length)),
    wasm_on_message_complete: () => running.complete(),
  };
  const instance = new WebAssembly.Instance(compile(), { env });
  const exports = instance.exports as Llhttp;
  // eslint-disable-next-line no-underscore-dangle -- the module's own name for its start
  exports._initialize();
  return exports;
}

/** Some machines have no SIMD in WebAssembly. */
function compile(): object {
  try {
    return new WebAssembly.Module(simdBinary);
  } catch {
    return new WebAssembly.Module(plainBinary);
  }
}

function textAt(start: number, length: number): string {
  const end = start + length;
  if (end > HEAD_TEXT_BYTES) return chunkNow.toString('latin1', start, end);
  if (textNow === '') textNow = chunkNow.toString('latin1', 0, Math.min(HEAD_TEXT_BYTES, chunkNow.length));
  return textNow.slice(start, end);
}

function enter(parser: ParserEvents, chunk: Buffer): void {
  running = parser;
  chunkNow = chunk;
  textNow = '';
}

/** The chunk has to lie in WebAssembly's memory; one buffer serves all, since execution is never interleaved. */
function load(chunk: Buffer): void {
  if (chunk.length > bufferBytes) {
    if (bufferBytes > 0) llhttp.free(base);
    bufferBytes = Math.ceil(chunk.length / 65_536) * 65_536;
    base = llhttp.malloc(bufferBytes);
  }
  // Growing memory detaches the view.
  if (view.buffer !== llhttp.memory.buffer || view.byteOffset !== base || view.length !== bufferBytes) {
    view = new Uint8Array(llhttp.memory.buffer, base, bufferBytes);
  }
  view.set(chunk);
}

/** The parser leaves the white space after a value to us (RFC 9110 5.5). */
function trimValues(rawHeaders: string[]): void {
  for (let i = 1; i < rawHeaders.length; i += 2) {
    const value = rawHeaders[i] as string;
    const last = value.charCodeAt(value.length - 1);
    if (last === 0x20 || last === 0x09) rawHeaders[i] = value.trimEnd();
  }
}

type Part = 'none' | 'name' | 'value';

export class ResponseParser implements ParserEvents {
  readonly #at: number;
  readonly #sink: ResponseSink;
  readonly #headBytesMax: number;
  #rawHeaders: string[] = [];
  #part: Part = 'none';
  #reason = '';
  #headBytes = 0;
  #inBody = false;
  /** A message has begun and isn't whole. */
  #inMessage = false;
  #isWhole = false;
  #refusal = '';

  constructor(sink: ResponseSink, headBytesMax: number) {
    this.#at = llhttp.llhttp_alloc(RESPONSE);
    this.#sink = sink;
    this.#headBytesMax = headBytesMax;
  }

  /** After it the parser must not be used. Never from within a callback. */
  free(): void {
    llhttp.llhttp_free(this.#at);
  }

  /** A response has begun to arrive and isn't whole. */
  get inMessage(): boolean {
    return this.#inMessage;
  }

  execute(chunk: Buffer): Reading {
    if (this.#isWhole) {
      this.#isWhole = false;
      llhttp.llhttp_resume(this.#at);
    }
    this.#inMessage = true;
    load(chunk);
    enter(this, chunk);
    let code: number;
    try {
      code = llhttp.llhttp_execute(this.#at, base, chunk.length);
    } finally {
      running = NOBODY;
    }
    if (code === OK) return ALL;
    if (code !== PAUSED) return { kind: 'invalid', reason: this.#refusal === '' ? this.#errorReason() : this.#refusal };
    return llhttp.llhttp_get_error_pos(this.#at) - base < chunk.length ? SURPLUS : ALL;
  }

  /** The peer sends no more: a body without a length ends here. False: the message is cut off. */
  finish(): boolean {
    if (!this.#inMessage) return true;
    enter(this, chunkNow);
    try {
      llhttp.llhttp_finish(this.#at);
    } finally {
      running = NOBODY;
    }
    return this.#isWhole;
  }

  addReason(text: string): number {
    this.#reason += text;
    return this.#grow(text.length);
  }

  addName(text: string): number {
    if (this.#inBody) return this.#grow(text.length); // trailers: read, counted, not passed on
    // A name or a value that lies across two chunks comes in two pieces.
    if (this.#part === 'name') this.#rawHeaders[this.#rawHeaders.length - 1] += text;
    else this.#rawHeaders.push(text);
    this.#part = 'name';
    return this.#grow(text.length);
  }

  addValue(text: string): number {
    if (this.#inBody) return this.#grow(text.length);
    if (this.#part === 'value') this.#rawHeaders[this.#rawHeaders.length - 1] += text;
    else this.#rawHeaders.push(text);
    this.#part = 'value';
    return this.#grow(text.length);
  }

  completeHead(statusCode: number, upgrade: boolean): number {
    const rawHeaders = this.#rawHeaders;
    const reason = this.#reason;
    this.#rawHeaders = [];
    this.#reason = '';
    this.#part = 'none';
    if (statusCode === 101 || upgrade) return this.#stop('a switch of protocols that nobody asked for');
    if (statusCode < 100) return this.#stop('a status below 100');
    // 100 to 199 announce the real answer; we promised the client nothing that would need them.
    if (statusCode < 200) return NO_BODY;
    this.#inBody = true;
    trimValues(rawHeaders);
    return this.#sink.onHead(statusCode, reason, rawHeaders) ? OK : NO_BODY;
  }

  addBody(chunk: Buffer): number {
    this.#headBytes = 0;
    this.#sink.onBody(chunk);
    return OK;
  }

  complete(): number {
    this.#headBytes = 0;
    // An interim answer is over; the same call's own answer follows.
    if (!this.#inBody) return OK;
    this.#inBody = false;
    this.#inMessage = false;
    this.#isWhole = true;
    this.#sink.onComplete(llhttp.llhttp_should_keep_alive(this.#at) !== 0);
    return PAUSED;
  }

  /** Heads, and trailers too, are bounded. */
  #grow(bytes: number): number {
    this.#headBytes += bytes;
    return this.#headBytes > this.#headBytesMax ? this.#stop('the head is too large') : OK;
  }

  #stop(reason: string): number {
    this.#refusal = reason;
    return STOP;
  }

  #errorReason(): string {
    const at = llhttp.llhttp_get_error_reason(this.#at);
    if (at === 0) return 'not HTTP';
    const memory = Buffer.from(llhttp.memory.buffer);
    return memory.toString('latin1', at, memory.indexOf(0, at));
  }
}

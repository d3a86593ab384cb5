/**
 * llhttp in its strict mode, as undici ships it: one WebAssembly instance for the process, one parser state for each
 * connection. It calls back with addresses alone, so what is being read is kept here while it runs; what comes of it is
 * told after it has run, so that runs are never interleaved.
 */
import simdBinary from 'undici/lib/llhttp/llhttp_simd-wasm.js';
import plainBinary from 'undici/lib/llhttp/llhttp-wasm.js';

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  _initialize(): void;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_reset(parser: number): void;
  llhttp_resume(parser: number): void;
  llhttp_execute(parser: number, data: number, length: number): number;
  llhttp_should_keep_alive(parser: number): number;
  llhttp_get_error_pos(parser: number): number;
  malloc(bytes: number): number;
  free(at: number): void;
}

/** What is read, in offsets from the start of the bytes that are being run over. An answer other than 0 stops it. */
export interface LlhttpEvents {
  readUrl(at: number, length: number): number;
  readReason(at: number, length: number): number;
  readName(at: number, length: number): number;
  readValue(at: number, length: number): number;
  endHead(statusCode: number, isUpgrade: boolean): number;
  readBody(at: number, length: number): number;
  endMessage(): number;
}

export const REQUEST = 1;
export const RESPONSE = 2;
/** Answers of events, and of a run. */
export const OK = 0;
export const PAUSED = 21;
const PAUSED_UPGRADE = 22;
/** An event's answer that ends the run with an error. */
export const STOP = -1;
/** The head's end only: the message ends here, whatever the head says. */
export const NO_BODY = 1;

/** Nothing is being read, so nothing can come. */
const NOBODY: LlhttpEvents = {
  readUrl: () => STOP,
  readReason: () => STOP,
  readName: () => STOP,
  readValue: () => STOP,
  endHead: () => STOP,
  readBody: () => STOP,
  endMessage: () => STOP,
};

let running = NOBODY;
let base = 0;
let capacity = 0;
let view = new Uint8Array(0);

const llhttp = instantiate();

function instantiate(): Exports {
  const env = {
    wasm_on_message_begin: () => OK,
    wasm_on_url: (_: number, at: number, length: number) => running.readUrl(at - base, length),
    wasm_on_status: (_: number, at: number, length: number) => running.readReason(at - base, length),
    wasm_on_header_field: (_: number, at: number, length: number) => running.readName(at - base, length),
    wasm_on_header_value: (_: number, at: number, length: number) => running.readValue(at - base, length),
    wasm_on_headers_complete: (_: number, statusCode: number, upgrade: number) => running.endHead(statusCode, upgrade !== 0),
    wasm_on_body: (_: number, at: number, length: number) => running.readBody(at - base, length),
    wasm_on_message_complete: () => running.endMessage(),
  };
  const exports = new WebAssembly.Instance(compile(), { env }).exports as Exports;
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

/** The bytes have to lie in WebAssembly's memory; one buffer serves all. */
function load(bytes: Uint8Array): void {
  if (bytes.length > capacity) {
    if (capacity > 0) llhttp.free(base);
    capacity = Math.ceil(bytes.length / 65_536) * 65_536;
    base = llhttp.malloc(capacity);
  }
  // Growing memory detaches the view: it has no length any more. (Asking the memory for its buffer each time costs more.)
  if (view.byteOffset !== base || view.length !== capacity) view = new Uint8Array(llhttp.memory.buffer, base, capacity);
  view.set(bytes);
}

/** One connection's parser state. To be freed; a use after that is a bug. */
export class LlhttpState {
  readonly #at: number;

  constructor(type: typeof REQUEST | typeof RESPONSE) {
    this.#at = llhttp.llhttp_alloc(type);
  }

  free(): void {
    llhttp.llhttp_free(this.#at);
  }

  /** The next message is a first one. */
  reset(): void {
    llhttp.llhttp_reset(this.#at);
  }

  /** After a pause within a message. */
  resume(): void {
    llhttp.llhttp_resume(this.#at);
  }

  /** Within `endMessage` alone: whether its headers let the connection be kept. */
  get shouldKeepAlive(): boolean {
    return llhttp.llhttp_should_keep_alive(this.#at) !== 0;
  }

  /** @returns how many of the bytes were read where an event paused it, their number where it wants more, or -1: no HTTP. */
  run(bytes: Uint8Array, events: LlhttpEvents): number {
    load(bytes);
    running = events;
    const code = llhttp.llhttp_execute(this.#at, base, bytes.length);
    running = NOBODY;
    if (code === OK) return bytes.length;
    return code === PAUSED || code === PAUSED_UPGRADE ? llhttp.llhttp_get_error_pos(this.#at) - base : -1;
  }
}

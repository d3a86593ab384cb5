/**
 * An upstream's answer on its way to the client. The head waits for as long as the upstream's bytes are being read,
 * so that a small answer leaves as one write; it never waits for bytes that haven't arrived.
 */
import type { ServerResponse } from 'node:http';

export interface AnswerHead {
  readonly statusCode: number;
  readonly reason: string;
  readonly headers: string[];
  /** Of the body; undefined: until it ends. */
  readonly contentLength: number | undefined;
}

/** A body up to here is copied behind its head. */
const JOIN_BYTES_MAX = 16_384;

export class AnswerStream {
  readonly #response: ServerResponse;
  readonly #onDrain: () => void;
  #held: AnswerHead | undefined;
  #heldBody: Buffer | undefined;
  #isBlocked = false;
  #listens = false;
  #isSent = false;

  /** @param onDrain the client takes bytes again. */
  constructor(response: ServerResponse, onDrain: () => void) {
    this.#response = response;
    this.#onDrain = onDrain;
  }

  /** The head went out: no other answer is possible. */
  get isSent(): boolean {
    return this.#isSent;
  }

  /** The client is slower than the upstream. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  head(head: AnswerHead): void {
    this.#held = head;
  }

  /** False: the client has enough for now. */
  body(chunk: Buffer): boolean {
    const held = this.#held;
    if (held !== undefined && held.contentLength === chunk.length && chunk.length <= JOIN_BYTES_MAX && this.#heldBody === undefined) {
      this.#heldBody = chunk;
      return true;
    }
    if (held !== undefined) this.#writeHead(held);
    this.#writeHeld();
    return this.#write(chunk);
  }

  /** Nothing more is there to be read: what is held goes out. */
  flush(): void {
    if (this.#held === undefined) return;
    this.#writeHead(this.#held);
    // Not flushHeaders: that writes the head as UTF-8, and bytes beyond ASCII must pass unchanged.
    if (!this.#writeHeld()) this.#response.write('', 'latin1');
  }

  end(): void {
    const held = this.#held;
    if (held === undefined) {
      this.#response.end();
      return;
    }
    this.#writeHead(held);
    if (this.#heldBody === undefined) this.#response.end();
    else this.#response.end(this.#heldBody.toString('latin1'), 'latin1');
  }

  /** The upstream broke off: the client must not take what it has for a whole answer. */
  breakOff(): void {
    this.#response.destroy();
  }

  #writeHead(head: AnswerHead): void {
    this.#held = undefined;
    this.#isSent = true;
    this.#response.sendDate = false;
    this.#response.writeHead(head.statusCode, head.reason, head.headers);
  }

  #writeHeld(): boolean {
    const body = this.#heldBody;
    if (body === undefined) return false;
    this.#heldBody = undefined;
    this.#write(body);
    return true;
  }

  #write(chunk: Buffer): boolean {
    if (this.#response.write(chunk)) return true;
    this.#isBlocked = true;
    if (!this.#listens) {
      this.#listens = true;
      this.#response.on('drain', () => {
        this.#isBlocked = false;
        this.#onDrain();
      });
    }
    return false;
  }
}

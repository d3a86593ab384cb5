/**
 * An upstream's answer on its way to the client. The head waits for as long as the upstream's bytes are being read,
 * so that a small answer leaves as one write; it never waits for bytes that haven't arrived.
 */
import type { Socket } from 'node:net';
import type { BodyOut } from './response-head.ts';
import { lastChunk } from './trailers.ts';

/** What is held is put together up to here; bigger chunks are written as they are. */
const JOIN_BYTES_MAX = 16_384;

export class AnswerStream {
  readonly #socket: Socket;
  #body: BodyOut = 'none';
  /** In latin1, not written yet. */
  #held = '';
  #isBegun = false;
  #isSent = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Something of the head went out: no other answer is possible. */
  get isSent(): boolean {
    return this.#isSent;
  }

  /** The client is slower than the upstream. What the socket took at once isn't waited for, whatever `write` says. */
  get isBlocked(): boolean {
    return this.#isSent && this.#socket.writableNeedDrain && this.#socket.writableLength > 0;
  }

  /** Its body has no other end than the connection's. */
  get endsByClosing(): boolean {
    return this.#body === 'until-close';
  }

  /** 1xx, ahead of the answer. */
  interim(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  head(text: string, body: BodyOut): void {
    this.#isBegun = true;
    this.#held = text;
    this.#body = body;
  }

  body(chunk: Buffer): void {
    const isChunked = this.#body === 'chunked';
    if (this.#held.length + chunk.length <= JOIN_BYTES_MAX) {
      const text = chunk.toString('latin1');
      this.#held += isChunked ? `${chunk.length.toString(16)}\r\n${text}\r\n` : text;
      return;
    }
    if (isChunked) this.#held += `${chunk.length.toString(16)}\r\n`;
    const isJoined = this.#held !== '' || isChunked;
    if (isJoined) this.#socket.cork();
    this.flush();
    this.#socket.write(chunk);
    if (isChunked) this.#socket.write('\r\n', 'latin1');
    if (isJoined) this.#socket.uncork();
  }

  /** Nothing more is there to be read: what is held goes out. */
  flush(): void {
    if (this.#held === '') return;
    this.#isSent = true;
    this.#socket.write(this.#held, 'latin1');
    this.#held = '';
  }

  end(trailers: readonly string[]): void {
    if (this.#body === 'chunked') this.#held += lastChunk(trailers);
    this.flush();
  }

  /** Of an answer whose head never went out: another may take its place. */
  forget(): void {
    this.#held = '';
    this.#isBegun = false;
  }

  /** A head is there, sent or not. */
  get isBegun(): boolean {
    return this.#isBegun;
  }
}

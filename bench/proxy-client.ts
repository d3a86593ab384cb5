/** A client's connection of the benchmark: one call at a time, answers known by their length, opened again when closed. */
import { connect, type Socket } from 'node:net';
import { POST_BODY, REQUEST_HEADERS, type CallShape } from './proxy-world.ts';

export function requestBytes({ host, path, method }: CallShape): Buffer {
  const headers = [['Host', host], ...REQUEST_HEADERS, ...(method === 'POST' ? [['Content-Type', 'text/plain'], ['Content-Length', `${POST_BODY.length}`]] : [])];
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${method === 'POST' ? POST_BODY : ''}`);
}

export interface ClientEvents {
  /** The last byte of an answer is there; `isExpected`: it has the status that was meant. */
  readonly onAnswer: (client: BenchClient, isExpected: boolean) => void;
  /** The connection ended while an answer was owed, or could not be opened. */
  readonly onBroken: (client: BenchClient) => void;
}

export class BenchClient {
  readonly #port: number;
  readonly #request: Buffer;
  readonly #status: Buffer;
  readonly #events: ClientEvents;
  #socket: Socket;
  #owesAnswer = false;
  #isDone = false;
  /** Bytes of the answer that are still to come; -1: its head isn't whole yet. */
  #missing = -1;
  #isExpected = true;
  #head: Buffer = Buffer.alloc(0);
  /** Length of the last answer that came in one piece: one like it needs no second look. */
  #knownLength = -1;

  constructor(port: number, shape: CallShape, events: ClientEvents) {
    this.#port = port;
    this.#request = requestBytes(shape);
    this.#status = Buffer.from(`HTTP/1.1 ${shape.statusCode}`);
    this.#events = events;
    this.#socket = this.#open();
  }

  /** Only when the call before was answered. */
  call(): void {
    this.#owesAnswer = true;
    this.#socket.write(this.#request);
  }

  /** After `onBroken`: it can call again. */
  reopen(): this {
    this.#owesAnswer = false;
    this.#missing = -1;
    this.#head = Buffer.alloc(0);
    this.#socket = this.#open();
    return this;
  }

  destroy(): void {
    this.#isDone = true;
    this.#socket.destroy();
  }

  #open(): Socket {
    const socket = connect({ host: '127.0.0.1', port: this.#port, noDelay: true });
    socket.on('data', (chunk: Buffer) => this.#read(chunk)).on('error', () => undefined).on('close', () => this.#closed());
    return socket;
  }

  #closed(): void {
    if (this.#isDone) return;
    const { onBroken } = this.#events;
    if (this.#owesAnswer) onBroken(this);
    else this.#socket = this.#open();
  }

  #read(chunk: Buffer): void {
    if (this.#missing >= 0) this.#missing -= chunk.length;
    else if (chunk.length === this.#knownLength && this.#head.length === 0 && this.#hasStatus(chunk)) this.#missing = 0;
    else this.#readHead(chunk);
    if (this.#missing !== 0) return;
    this.#missing = -1;
    this.#owesAnswer = false;
    this.#events.onAnswer(this, this.#isExpected);
  }

  #readHead(chunk: Buffer): void {
    const wasEmpty = this.#head.length === 0;
    const head = wasEmpty ? chunk : Buffer.concat([this.#head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    this.#head = end < 0 ? head : Buffer.alloc(0);
    if (end < 0) return;
    const length = Number(/content-length: *(\d+)/i.exec(head.toString('latin1', 0, end))?.[1]);
    this.#missing = end + 4 + length - head.length;
    this.#isExpected = this.#hasStatus(head);
    this.#knownLength = wasEmpty && this.#missing === 0 && this.#isExpected ? chunk.length : -1;
  }

  #hasStatus(answer: Buffer): boolean {
    return answer.subarray(0, this.#status.length).equals(this.#status);
  }
}
